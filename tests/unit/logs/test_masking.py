"""Secrets are masked by name, by shape and by value, wherever they stand."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dashtam.logs.masking import Masker
from dashtam.sealing.cipher import DataKey
from dashtam.sealing.columns import ACCESS_TOKEN
from dashtam.sealing.wrapping import new_key_id
from dashtam.security.tokens import Mark, new_token

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
        "v1.test.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAcanary",
        "set-cookie=canary; path=/",
        "GET /connect/dashtam_connect_AAAAAAAAAAAAAAAAcanary",
    ],
)
def test_what_has_the_shape_of_a_secret_is_masked(text: str) -> None:
    assert "canary" not in Masker().text(text)


def test_a_sealed_value_is_masked_as_it_is_spelled_today() -> None:
    key = DataKey(new_key_id(), bytes(32), environment="testing")
    sealed = key.seal(SecretStr("x"), context=ACCESS_TOKEN.context(UUID(int=1), UUID(int=2)))
    assert Masker().text(f"row {sealed.value.decode()} is damaged") == "row *** is damaged"
    assert "***" in Masker().text(f"row {sealed.value!r} is damaged")
    assert sealed.value.decode()[-20:] not in Masker().text(repr(sealed))


@pytest.mark.parametrize("mark", Mark)
def test_every_token_of_ours_is_masked_wherever_it_stands(mark: Mark) -> None:
    token = new_token(mark).get_secret_value()
    assert Masker().text(f"GET /connect/{token} 200") == "GET /connect/*** 200"


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
