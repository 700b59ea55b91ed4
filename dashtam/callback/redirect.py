"""Parses a provider's redirect (RFC 6749, 4.1.2; RFC 9207), and rejects everything ambiguous."""

import re
from typing import Final
from urllib.parse import parse_qsl

from pydantic import SecretStr

from dashtam.connections.callbacks import Redirect

_MAX_FIELDS: Final = 32
# A state is one that we sent; the standard limits the other parameters to visible ASCII.
_STATE: Final = re.compile(r"dashtam_state_[A-Za-z0-9_-]{43}")
_CODE: Final = re.compile(r"[ -~]{1,4096}")
_ERROR: Final = re.compile(r"[ !#-\[\]-~]{1,256}")
_ISSUER: Final = re.compile(r"https?://[!#-~]{1,512}")
_KNOWN: Final = ("state", "code", "error", "error_description", "error_uri", "iss")
# We request only codes: a token in a redirect was put there by an attacker (RFC 9700, 2.1.2).
_UNREQUESTED: Final = frozenset(
    {"access_token", "refresh_token", "id_token", "token_type", "token", "expires_in"}
)


def read_redirect(query: bytes) -> Redirect | None:
    """Parse a query string; None if it is not a response to our request, or is ambiguous.

    Additional parameters (Schwab's `session`) are ignored. Each value is decoded once.
    """
    fields = _fields(query)
    if fields is None or _UNREQUESTED & {name for name, _ in fields}:
        return None
    given = {name: [value for other, value in fields if other == name] for name in _KNOWN}
    if any(len(values) > 1 for values in given.values()):
        return None
    state, code, error, issuer = (
        _fitting(given[name], shape)
        for name, shape in (("state", _STATE), ("code", _CODE), ("error", _ERROR), ("iss", _ISSUER))
    )
    is_whole = all(
        (found is None) == (not given[name])
        for name, found in (("code", code), ("error", error), ("iss", issuer))
    )
    if state is None or not is_whole or (code is None) == (error is None):
        return None
    return Redirect(SecretStr(state), None if code is None else SecretStr(code), error, issuer)


def _fields(query: bytes) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:  # not ASCII, percent escapes that are not UTF-8, or too many fields
        return None


def _fitting(values: list[str], shape: re.Pattern[str]) -> str | None:
    return values[0] if values and shape.fullmatch(values[0]) else None
