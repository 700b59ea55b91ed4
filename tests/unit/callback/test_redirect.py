"""A provider's redirect is parsed unambiguously, or not at all."""

import string
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.callback.redirect import read_redirect
from dashtam.security.tokens import Mark, new_token

STATE = (
    Mark.STATE + "Yz1tMX8wQyOW4lv34d9TohzavkSyQBnxoFxA-1yq-1E"
)  # drawn once, so that parallel workers collect the same test ids
NAMES = st.sampled_from(
    ["state", "code", "error", "iss", "error_description", "error_uri", "state[]", "State", "session", "x"]
)
VALUES = st.one_of(
    st.text(max_size=30), st.sampled_from([STATE, "abc@", "access_denied", "https://bank.example"])
)


def query(*pairs: tuple[str, str]) -> bytes:
    return urlencode(pairs, errors="surrogatepass").encode()


def test_a_code_and_an_error_are_read_and_other_parameters_are_ignored() -> None:
    found = read_redirect(
        query(("code", "C0.b2F@"), ("session", "x"), ("state", STATE), ("iss", "https://a.example"))
    )
    assert found is not None
    assert found.code is not None
    assert (found.code.get_secret_value(), found.issuer, found.error) == (
        "C0.b2F@",
        "https://a.example",
        None,
    )
    assert found.state.get_secret_value() == STATE
    denied = read_redirect(
        query(("error", "access_denied"), ("error_description", "\x00<b>"), ("state", STATE))
    )
    assert denied is not None
    assert (denied.code, denied.error) == (None, "access_denied")


def test_a_value_is_decoded_once() -> None:
    found = read_redirect(f"code=a%2540&state={STATE}".encode())
    assert found is not None
    assert found.code is not None
    assert found.code.get_secret_value() == "a%40"


def test_neither_code_nor_state_is_in_the_repr() -> None:
    found = read_redirect(query(("code", "canary"), ("state", STATE)))
    assert "canary" not in repr(found)
    assert STATE not in repr(found)


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "code=a",
        f"state={STATE}",
        f"code=&state={STATE}",
        "code=a&state=",
        f"code=a&code=a&state={STATE}",
        f"code=a&state={STATE}&state={STATE}",
        f"code=a&state={STATE}&iss=https://a.example&iss=https://a.example",
        f"code=a&error=access_denied&state={STATE}",
        f"code=a&error=&state={STATE}",
        f"error=access_denied&error=access_denied&state={STATE}",
        f"code=a&state[]={STATE}",
        f"code=a&state%5B0%5D={STATE}",
        f"code=a&State={STATE}",
        f"code=a&state={STATE}%00",
        f"code=a%00&state={STATE}",
        f"code=a%0d%0aX:y&state={STATE}",
        f"code=a&state=%20{STATE}",
        f"code=a&state={STATE[:-1]}",
        f"code=a&state={STATE}x",
        f"code=a&state={STATE * 200}",
        f"code={'a' * 4097}&state={STATE}",
        f"code=%ff&state={STATE}",
        f"code=ä&state={STATE}",
        f"code=a&state={STATE}&iss=",
        f"code=a&state={STATE}&iss=javascript:x",
        f"code=a&state={STATE}&access_token=x",
        f"code=a&state={STATE}&id_token=x",
        f"access_token=x&state={STATE}",
        f"code=a&state={STATE}" + "&x=1" * 40,
        "code=a&state=00000000-0000-1000-8000-000000000000",
    ],
)
def test_an_ambiguous_redirect_is_refused(hostile: str) -> None:
    assert read_redirect(hostile.encode("latin1", errors="replace")) is None


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_any_redirect_is_parsed_completely_or_refused(pairs: list[tuple[str, str]]) -> None:
    raw = "&".join(f"{quote(n)}={quote(v, errors='replace')}" for n, v in pairs).encode()
    found = read_redirect(raw)
    if found is None:
        return
    given = [n for n, _ in pairs]
    assert all(given.count(name) <= 1 for name in ("state", "code", "error", "iss"))
    assert found.state.get_secret_value() == STATE
    assert (found.code is None) != (found.error is None)
    assert found.code is None or found.code.get_secret_value().isprintable()
    assert (found.issuer is None) == ("iss" not in given)


@given(st.binary(max_size=200))
def test_no_bytes_raise_an_error(raw: bytes) -> None:
    assert read_redirect(raw) is None


def test_ten_thousand_states_share_only_their_mark() -> None:
    states = {new_token(Mark.STATE).get_secret_value() for _ in range(10_000)}
    assert len(states) == 10_000
    bodies = [state.removeprefix("dashtam_state_") for state in states]
    assert {len(body) for body in bodies} == {43}  # 256 bits in base64url
    # States from a clock or a counter would share their first characters.
    assert {body[0] for body in bodies} == set(string.ascii_letters + string.digits + "-_")
