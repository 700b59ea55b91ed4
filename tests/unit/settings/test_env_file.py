"""The env file is read, or refused with instructions."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.settings.env_file import find_env_file, read_env_file
from dashtam.settings.errors import SettingsError


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DASHTAM_ENV_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_an_env_file_there_is_none() -> None:
    assert find_env_file() is None


def test_the_named_file_replaces_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").touch()
    Path("other").touch()
    monkeypatch.setenv("DASHTAM_ENV_FILE", "other")
    assert find_env_file() == Path("other")


def test_a_named_file_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHTAM_ENV_FILE", "absent")
    with pytest.raises(SettingsError, match="DASHTAM_ENV_FILE names absent, which does not exist"):
        find_env_file()


def test_a_folder_in_its_place_is_an_error_that_says_what_to_do() -> None:
    Path(".env").mkdir()
    with pytest.raises(SettingsError, match=r"\.env is a folder; expected a file\. Remove it and copy"):
        find_env_file()


def test_a_pipe_in_its_place_is_an_error_and_is_not_read() -> None:
    os.mkfifo(".env")
    with pytest.raises(SettingsError, match="neither a file nor a folder"):
        find_env_file()


@pytest.mark.parametrize(
    "text", ["A=1\nB='two words'\n", 'A=1\r\nB="two words"\r\n', "\ufeffA=1\nB=two words\n"]
)
def test_line_ends_quotes_and_byte_order_marks_do_not_matter(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(text.encode())
    assert read_env_file(path) == {"A": "1", "B": "two words"}


def test_an_empty_file_has_no_values(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert read_env_file(path) == {}


def test_bytes_that_are_not_text_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"A=1\nB=\xff\n")
    with pytest.raises(SettingsError, match="not UTF-8 text"):
        read_env_file(path)


def test_a_malformed_line_is_named_only_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("A=1\ncanary with no name: 'x\nB=2\n")
    with pytest.raises(SettingsError) as caught:
        read_env_file(path)
    assert "line 2 of" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("#" * 70_000)
    with pytest.raises(SettingsError, match="70000 bytes"):
        read_env_file(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o000)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_env_file(path)


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    with suppress(SettingsError):
        read_env_file(path)
