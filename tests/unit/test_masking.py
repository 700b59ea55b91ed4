"""Secrets are masked by name, by shape and by value, wherever they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dashtam.masking import Masker

CANARY = "Kd93nvQ0xL2mZb7R/+'x"


@pytest.mark.parametrize(
    "text",
    [
        "connecting to postgresql://user:canary@host/db",
        "redis://:canary@host:6379/0",
        "Authorization: Bearer canary",
        "basic Y2FuYXJ5canary",
        "GET /callback/x?code=canary&next=1",
        "?a=1&state=canary",
        "password=canary",
        "client_secret='canary'",
        "{'access_token': 'canary'}",
        '{"refresh_token": "canary"}',
        "v1.test.AAAAAAAAAAAAAAAAAAAAAAcanary",
        "set-cookie=canary; path=/",
    ],
)
def test_what_has_the_shape_of_a_secret_is_masked(text: str) -> None:
    assert "canary" not in Masker().text(text)


@pytest.mark.parametrize(
    "name", ["password", "DB_PASSWORD", "api_key", "Authorization", "set-cookie", "code", "state"]
)
def test_what_is_called_a_secret_is_masked_at_any_depth(name: str) -> None:
    event = {"event": "x", "request": {"headers": [{name: "canary"}]}}
    assert "canary" not in str(Masker()(None, "info", event))


@given(st.sampled_from(["{}", "a {} b", "{}{}", "['{}']"]))
def test_a_known_value_is_masked_wherever_it_stands(template: str) -> None:
    assert CANARY not in Masker([CANARY]).text(template.replace("{}", CANARY))


@pytest.mark.parametrize("spelled", ["Kd93nvQ0xL2mZb7R%2F%2B%27x", repr({"a": CANARY}), f"{CANARY!r}"])
def test_a_known_value_is_masked_in_its_other_spellings(spelled: str) -> None:
    assert "Kd93nvQ0xL2mZb7R" not in Masker([CANARY]).text(spelled)


@given(
    st.recursive(
        st.none() | st.integers() | st.sampled_from([CANARY, SecretStr(CANARY), CANARY.encode()]),
        lambda inner: (
            st.lists(inner) | st.tuples(inner) | st.dictionaries(st.just(CANARY) | st.text(), inner)
        ),
    )
)
def test_no_structure_hides_a_known_value(value: object) -> None:
    assert "Kd93nvQ0xL2mZb7R" not in str(Masker([CANARY])(None, "info", {"event": "x", "value": value}))


def test_what_is_no_secret_stays() -> None:
    event = {
        "event": "request",
        "path": "/api/v1/providers",
        "status": 200,
        "took": 1.5,
        "ok": True,
        "none": None,
    }
    assert Masker([CANARY])(None, "info", dict(event)) == event


def test_a_short_secret_does_not_blot_out_ordinary_words() -> None:
    assert Masker(["app", ""]).text("app starting") == "app starting"


def test_a_very_long_text_is_cut() -> None:
    assert len(Masker().text("x" * 1_000_000)) < 20_000
