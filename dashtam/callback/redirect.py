"""Reads what a provider's redirect says (RFC 6749, 4.1.2; RFC 9207), and takes nothing that can be read in two ways."""

import re
from typing import Final
from urllib.parse import parse_qsl

from pydantic import SecretStr

from dashtam.connections.callbacks import Redirect

_MAX_FIELDS: Final = 32
# What we send is all that can come back, and visible ASCII is all that the standard allows for the rest.
_STATE: Final = re.compile(r"dashtam_state_[A-Za-z0-9_-]{43}")
_CODE: Final = re.compile(r"[ -~]{1,4096}")
_ERROR: Final = re.compile(r"[ !#-\[\]-~]{1,256}")
_ISSUER: Final = re.compile(r"https?://[!#-~]{1,512}")
_ONCE: Final = ("state", "code", "error", "error_description", "error_uri", "iss")
# We ask for codes alone: a token that comes so was put there by somebody else (RFC 9700, 2.1.2).
_UNASKED: Final = frozenset(
    {"access_token", "refresh_token", "id_token", "token_type", "token", "expires_in"}
)


def read_redirect(query: bytes) -> Redirect | None:
    """Read a query string; None: it is no answer to what we asked, or one that could be understood in two ways.

    What else a provider adds (Schwab's `session`) is let be. Each value is decoded once.
    """
    fields = _fields(query)
    if fields is None or _UNASKED & {name for name, _ in fields}:
        return None
    given = {name: [value for other, value in fields if other == name] for name in _ONCE}
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
    except ValueError:  # not ASCII, not UTF-8 behind the escapes, or too many
        return None


def _fitting(values: list[str], shape: re.Pattern[str]) -> str | None:
    return values[0] if values and shape.fullmatch(values[0]) else None
