"""Env files are read alike by us, by python-dotenv and by Docker Compose, or refused."""

from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given

from dashtam.devenv.errors import EnvironmentMisused
from dashtam.devenv.project.env_files import read_env_file
from dashtam.settings.env_file import read_env_file as read_as_the_application_does
from tests.support.checkout import CHECKOUT
from tests.support.makers.hostile import ENV_FILES


def read(tmp_path: Path, content: str | bytes) -> dict[str, str]:
    path = tmp_path / ".env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_env_file(path)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("A=", ""),
        ("A=b # comment", "b"),
        ("A=b#c", "b#c"),
        ("A='b c'", "b c"),
        ('A="b # c"', "b # c"),
        ("A=b=c", "b=c"),
        ("A=b   ", "b"),
        ("A=b= # comment", "b="),
        ("A=  ", ""),
        ("A=id:aGVsbG8=,id2:eA==", "id:aGVsbG8=,id2:eA=="),
    ],
)
def test_plain_values_quotes_and_comments_are_understood(tmp_path: Path, line: str, value: str) -> None:
    assert read(tmp_path, f"# a comment\n\n{line}\n") == {"A": value}


@given(text=ENV_FILES)
def test_whatever_is_taken_python_dotenv_and_the_application_read_in_the_same_way(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.env"
    path.write_bytes(text.encode())
    try:
        seen = read_env_file(path)
    except EnvironmentMisused:
        return
    assert seen == dict(dotenv_values(path, interpolate=True)) == read_as_the_application_does(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"A=1\r\nB=2\r\n", "line ends of Windows"),
        (b"\xef\xbb\xbfA=1\n", "beyond ASCII"),
        ("A=ü\n".encode(), "line 1 .* beyond ASCII"),
        (b"A=1\nnonsense\n", "line 2 is not NAME=value"),
        (b"export A=1\n", "line 1 is not NAME=value"),
        (b"A =1\n", "line 1 is not NAME=value"),
        (b"A= 1\n", "white space after A="),
        (b"A= # comment\n", "white space after A="),
        (b"A=b\t# comment\n", "put the value in quotes"),
        (b"A=1\nA=2\n", "line 2 sets A, which an earlier line sets"),
        (b"A=$HOME\n", r"line 1 has a \$ in A"),
        (b'A="a\\nb"\n', "line 1 has a backslash in A"),
        (b"A='b\n", "line 1 has quotes in A"),
        (b"A=b c\n", "put the value in quotes"),
        (b"A=\x00\n", "control characters"),
        (b"A=1\n" * 20_000, "at most 65536"),
    ],
)
def test_what_readers_disagree_about_is_refused_with_its_line(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(EnvironmentMisused, match=reason):
        read(tmp_path, content)


def test_no_value_is_ever_quoted(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMisused) as refused:
        read(tmp_path, "POSTGRES_PASSWORD=hunter2 $x\nTOKEN='hunter3\n")
    assert "hunter" not in str(refused.value)


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(EnvironmentMisused, match=r"\.env is a folder; expected a file"):
        read_env_file(tmp_path / ".env")


def test_a_missing_file_says_which_verb_writes_it(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMisused) as missing:
        read_env_file(tmp_path / ".env")
    assert missing.value.advice == "invoke up"


@pytest.mark.parametrize("name", [".env.example", ".env.test"])
def test_the_files_of_the_repository_are_taken(name: str) -> None:
    assert read_env_file(CHECKOUT / name)
