"""Every member of a token response is validated (RFC 6749, 5.1)."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dashtam.models import Authorization
from dashtam.outgoing import Response
from dashtam.providers.base import Profile, TokenGrant
from dashtam.providers.errors import ResponseUnusable
from dashtam.providers.grants import read_grant

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
GOOD = {
    "access_token": "access-canary",
    "token_type": "Bearer",
    "expires_in": 300,
    "refresh_token": "refresh-canary",
}
PROFILE = Profile(
    key="x",
    name="X",
    description="X",
    website="https://x.example",
    authorization=Authorization.OAUTH2,
    access_ttl=timedelta(minutes=7),
    refresh_ttl=timedelta(days=2),
)
BEFORE = TokenGrant(
    access_token=SecretStr("old"),
    refresh_token=SecretStr("old-refresh"),
    expires_at=NOW,
    refresh_expires_at=NOW + timedelta(hours=3),
    scope="a b",
    granted_at=NOW - timedelta(days=1),
)


def read(members: object, *, before: TokenGrant | None = None, requested: str = "") -> TokenGrant:
    return read_grant(
        Response(200, {}, json.dumps(members).encode(), NOW), PROFILE, before=before, requested=requested
    )


def test_lifetimes_count_from_the_start_of_the_request() -> None:
    grant = read({**GOOD, "scope": "a c", "example_parameter": {"deep": [1]}})
    assert grant.access_token.get_secret_value() == "access-canary"
    assert grant.refresh_token == SecretStr("refresh-canary")
    assert (grant.expires_at, grant.granted_at) == (NOW + timedelta(seconds=300), NOW)
    assert grant.refresh_expires_at == NOW + timedelta(days=2)
    assert grant.scope == "a c"


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("access_token", [None, "", 1, True, [], {}, "a b", "a\nb", "a\r\nX: y", "é", "\0", "x" * 8193]),
        (
            "token_type",
            [None, "", 1, "mac", "Bearer ", "Bearer\n", "DPoP", ["Bearer"], "b" * 40, "\u0412earer"],
        ),
        ("expires_in", ["", "soon", "-1", -1, 0, 1.5, True, [], {}, 10**12, "1e3", "99999999999", "³"]),
        ("refresh_token", ["", 1, False, [], "a b", "a\tb", "x" * 8193]),
        ("scope", [1, True, [], ["a"], "a  b", " a", "a\nb", 'a"b', "a\\b", "x" * 4097]),
    ],
)
def test_a_member_that_violates_the_standard_is_refused(member: str, values: list[object]) -> None:
    for value in values:
        with pytest.raises(ResponseUnusable) as raised:
            read({**GOOD, member: value})
        assert raised.value.detail == member, value
        assert not isinstance(value, str) or len(value) < 2 or value not in str(raised.value)


@pytest.mark.parametrize("member", ["access_token", "token_type"])
def test_a_missing_required_member_is_refused(member: str) -> None:
    with pytest.raises(ResponseUnusable):
        read({name: value for name, value in GOOD.items() if name != member})


@pytest.mark.parametrize("body", [[], [GOOD], "token", None, 1, {}])
def test_anything_but_an_object_is_refused(body: object) -> None:
    with pytest.raises(ResponseUnusable):
        read(body)


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_type_is_read_in_any_case(word: str) -> None:
    assert read({**GOOD, "token_type": word}).access_token == SecretStr("access-canary")


def test_seconds_may_be_written_as_a_text_of_digits() -> None:
    assert read({**GOOD, "expires_in": "3600"}).expires_at == NOW + timedelta(hours=1)


def test_omitted_members_come_from_the_profile_or_the_request() -> None:
    grant = read({"access_token": "a", "token_type": "Bearer"}, requested="a b")
    assert grant.expires_at == NOW + timedelta(minutes=7)
    assert (grant.refresh_token, grant.refresh_expires_at, grant.scope) == (None, None, "a b")


def test_a_refresh_keeps_omitted_members() -> None:
    for missing in ({}, {"refresh_token": None, "scope": None, "expires_in": None}):
        grant = read({"access_token": "a", "token_type": "Bearer", **missing}, before=BEFORE)
        assert grant.refresh_token == BEFORE.refresh_token
        assert grant.refresh_expires_at == BEFORE.refresh_expires_at
        assert grant.scope == "a b"
        assert grant.expires_at == NOW + timedelta(minutes=7)
    assert read(GOOD, before=BEFORE).refresh_expires_at == NOW + timedelta(days=2)


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "scope", "id_token", "error"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
            ),
            max_leaves=5,
        ),
    )
)
def test_any_members_are_parsed_or_refused(members: dict[str, object]) -> None:
    with suppress(ResponseUnusable):
        grant = read({**GOOD, **members})
        assert grant.access_token.get_secret_value().isprintable()
        assert grant.expires_at is not None
        assert grant.expires_at > NOW


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    with suppress(ResponseUnusable):
        read_grant(Response(200, {}, body, NOW), PROFILE)
