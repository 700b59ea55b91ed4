"""Reads the answer of a token endpoint (RFC 6749, 5.1 and 5.2): everything that is used is checked, the rest is left.

What an answer says beside that is not kept: no id_token, since nobody signs in by it.
"""

import re
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import SecretStr

from dashtam.outgoing import InvalidResponse, Response
from dashtam.providers.base import Profile, TokenGrant
from dashtam.providers.errors import AnswerUnusable

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,8192}")
"""VSCHAR without the blank, which no header of ours may carry (RFC 6749, A.12; RFC 6750, 2.1)."""
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_MAX_SCOPE: Final = 4096
_DIGITS: Final = re.compile(r"[0-9]{1,10}")
_LONGEST: Final = timedelta(days=3660)


def read_grant(
    answer: Response, profile: Profile, *, before: TokenGrant | None = None, asked: str = ""
) -> TokenGrant:
    """Make a grant of an answer of status 200; what it leaves out is taken from the one before, or from `asked`.

    Raises:
        AnswerUnusable: says which member is not what the standard says; no value is quoted.
    """
    members = read_members(answer)
    if _text(members, "token_type", r"[A-Za-z]{1,32}").lower() != "bearer":
        raise AnswerUnusable("the token is of another type than Bearer", detail="token_type")
    access = SecretStr(_text(members, "access_token", _TOKEN))
    given = _optional_text(members, "refresh_token", _TOKEN)
    refresh = SecretStr(given) if given is not None else (before.refresh_token if before else None)
    lives = _lifetime(members) or profile.access_ttl
    return TokenGrant(
        access_token=access,
        refresh_token=refresh,
        expires_at=None if lives is None else answer.began_at + lives,
        refresh_expires_at=_refresh_end(answer, profile, before, is_new=given is not None),
        scope=_scope(members, before.scope if before else asked),
        granted_at=answer.began_at,
    )


def read_members(answer: Response) -> dict[str, Any]:
    """Read the JSON object of an answer.

    Raises:
        AnswerUnusable: it is none.
    """
    try:
        return answer.json_object()
    except InvalidResponse as wrong:
        raise AnswerUnusable(f"the answer is {wrong}", detail="not_json") from None


def _refresh_end(
    answer: Response, profile: Profile, before: TokenGrant | None, *, is_new: bool
) -> datetime | None:
    """When the refresh token ends: a replaced one anew, unless the provider counts from the sign-in on."""
    if before is not None and (profile.is_refresh_ttl_fixed or not is_new):
        return before.refresh_expires_at
    if not is_new or profile.refresh_ttl is None:
        return None
    return answer.began_at + profile.refresh_ttl


def _lifetime(members: dict[str, Any]) -> timedelta | None:
    value = members.get("expires_in")
    if value is None:
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)  # as some providers write it
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LONGEST.total_seconds():
        raise AnswerUnusable("expires_in is no number of seconds, 1 to ten years", detail="expires_in")
    return timedelta(seconds=value)


def _scope(members: dict[str, Any], otherwise: str) -> str:
    value = members.get("scope")
    if value is None or value == "":
        return otherwise
    if not isinstance(value, str) or len(value) > _MAX_SCOPE or not _SCOPE.fullmatch(value):
        raise AnswerUnusable("scope is no list of words", detail="scope")
    return value


def _optional_text(members: dict[str, Any], name: str, shape: re.Pattern[str]) -> str | None:
    return None if members.get(name) is None else _text(members, name, shape)


def _text(members: dict[str, Any], name: str, shape: str | re.Pattern[str]) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not re.fullmatch(shape, value):
        raise AnswerUnusable(f"{name} is missing or no token of 1 to 8192 signs", detail=name)
    return value
