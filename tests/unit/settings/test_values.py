"""Only plain paths are accepted, and they are parsed unambiguously."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.settings.values import parse_return_paths


def test_paths_are_separated_by_commas() -> None:
    assert parse_return_paths(" /docs, /a/b-c.d~e_f/ ,/,") == {"/docs", "/a/b-c.d~e_f/", "/"}
    assert parse_return_paths("") == frozenset()


@pytest.mark.parametrize(
    "hostile",
    [
        "docs",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "https:evil",
        "javascript:alert(1)",
        "/a//b",
        "/..",
        "/a/../b",
        "/./a",
        "/%2f/evil",
        "/a?b",
        "/a#b",
        "/a b",
        "/a\nb",
        "/\x00",
        "/ä",
        "/" + "x" * 200,
    ],
)
def test_anything_that_could_lead_elsewhere_is_refused(hostile: str) -> None:
    with pytest.raises(ValueError, match="expected plain paths"):
        parse_return_paths(f"/docs,{hostile}")


@given(st.text(max_size=40))
def test_whatever_is_read_stays_at_home(text: str) -> None:
    try:
        paths = parse_return_paths(text)
    except ValueError:
        return
    for path in paths:
        assert path.startswith("/")
        assert not path.startswith("//")
        assert path.isascii()
        assert not set(path) & set("\\%?#:@ \t\r\n")
