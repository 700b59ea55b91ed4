"""Parses the response of a token endpoint (RFC 6749, 5.1 and 5.2); every member that is used is validated.

Other members are dropped, including an id_token: Dashtam does not use OpenID Connect to sign users in.
"""

import re
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import SecretStr

from dashtam.outgoing import InvalidResponse, Response
from dashtam.providers.base import Profile, TokenGrant
from dashtam.providers.errors import ResponseUnusable

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,8192}")
"""VSCHAR without the blank, which is not allowed in our headers (RFC 6749, A.12; RFC 6750, 2.1)."""
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_MAX_SCOPE: Final = 4096
_DIGITS: Final = re.compile(r"[0-9]{1,10}")
_LONGEST: Final = timedelta(days=3660)


def read_grant(
    response: Response, profile: Profile, *, before: TokenGrant | None = None, requested: str = ""
) -> TokenGrant:
    """Return the grant in a response of status 200.

    An omitted refresh token is taken from `before`; an omitted scope from `before` or `requested` (RFC 6749, 5.1).

    Raises:
        ResponseUnusable: names the member that violates the standard; no value is quoted.
    """
    members = read_members(response)
    if _text(members, "token_type", r"[A-Za-z]{1,32}").lower() != "bearer":
        raise ResponseUnusable("token_type is not Bearer", detail="token_type")
    access = SecretStr(_text(members, "access_token", _TOKEN))
    given = _optional_text(members, "refresh_token", _TOKEN)
    refresh = SecretStr(given) if given is not None else (before.refresh_token if before else None)
    lives = _lifetime(members) or profile.access_ttl
    return TokenGrant(
        access_token=access,
        refresh_token=refresh,
        expires_at=None if lives is None else response.began_at + lives,
        refresh_expires_at=_refresh_end(response, profile, before, is_new=given is not None),
        scope=_scope(members, before.scope if before else requested),
        granted_at=response.began_at,
    )


def read_members(response: Response) -> dict[str, Any]:
    """Return the members of a response's JSON object.

    Raises:
        ResponseUnusable: the body is not a JSON object.
    """
    try:
        return response.json_object()
    except InvalidResponse as wrong:
        raise ResponseUnusable(f"the response is {wrong}", detail="not_json") from None


def _refresh_end(
    response: Response, profile: Profile, before: TokenGrant | None, *, is_new: bool
) -> datetime | None:
    """Return when the refresh token expires; a new token restarts the lifetime unless the profile fixes it."""
    if before is not None and (profile.is_refresh_ttl_fixed or not is_new):
        return before.refresh_expires_at
    if not is_new or profile.refresh_ttl is None:
        return None
    return response.began_at + profile.refresh_ttl


def _lifetime(members: dict[str, Any]) -> timedelta | None:
    value = members.get("expires_in")
    if value is None:
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)  # some providers send a string
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LONGEST.total_seconds():
        raise ResponseUnusable(
            "expires_in is not an integer of seconds, from 1 to ten years", detail="expires_in"
        )
    return timedelta(seconds=value)


def _scope(members: dict[str, Any], default: str) -> str:
    value = members.get("scope")
    if value is None or value == "":
        return default
    if not isinstance(value, str) or len(value) > _MAX_SCOPE or not _SCOPE.fullmatch(value):
        raise ResponseUnusable("scope is not one or more words", detail="scope")
    return value


def _optional_text(members: dict[str, Any], name: str, shape: re.Pattern[str]) -> str | None:
    return None if members.get(name) is None else _text(members, name, shape)


def _text(members: dict[str, Any], name: str, shape: str | re.Pattern[str]) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not re.fullmatch(shape, value):
        raise ResponseUnusable(f"{name} is missing, or is not a token of 1 to 8192 characters", detail=name)
    return value
