"""Tokens that authenticate sessions, and codes that prove addresses: 256 random bits, stored only as hashes.

A hash without salt suffices for values that cannot be guessed (OWASP ASVS 5.0, 6.6.2 and 7.2.2). Each value begins with
a mark of its kind, so that scanners find published tokens and our logs mask them.
"""

import hashlib
import secrets
from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import SecretStr

_RANDOM_BYTES: Final = 32


class Mark(StrEnum):
    """The prefix of each kind of token or code; dashtam/logs/masking.py masks their common shape."""

    ACCESS = "dashtam_access_"
    REFRESH = "dashtam_refresh_"
    BROWSER = "dashtam_browser_"
    PERSONAL = "dashtam_personal_"
    REGISTRATION = "dashtam_registration_"
    RESET = "dashtam_reset_"
    CONNECT = "dashtam_connect_"
    """The ticket in a link that begins a connection."""
    OPENER = "dashtam_opener_"
    """The cookie value of the browser that opened the link, until the provider redirects it back."""
    STATE = "dashtam_state_"
    """The state of an authorization request (RFC 6749, 10.12)."""


ACCESS_TTL: Final = timedelta(minutes=15)
PROGRAM_IDLE_TTL: Final = timedelta(days=14)
"""The lifetime of a refresh token that is not used."""
PROGRAM_TTL: Final = timedelta(days=30)
"""At most 30 days until the next sign-in (NIST SP 800-63B, revision 4, 2.1.3)."""
BROWSER_IDLE_TTL: Final = timedelta(hours=1)
BROWSER_TTL: Final = timedelta(hours=24)
"""One hour of inactivity and one day in total, recommended for two factors (NIST SP 800-63B, revision 4, 2.2.3)."""
REFRESH_GRACE: Final = timedelta(seconds=10)
"""A client may refresh twice at once: within this time, the second request is refused, but the session continues."""
REGISTRATION_TTL: Final = timedelta(hours=24)
RESET_TTL: Final = timedelta(minutes=30)
AUTHORIZATION_TTL: Final = timedelta(minutes=10)
"""The maximum time between the request for a connection and the provider's redirect."""
SESSION_COOKIE: Final = "__Host-dashtam"
"""Browsers accept this prefix only with Secure, with Path=/ and without Domain (RFC 6265bis, 4.1.3.2)."""
OPENER_COOKIE: Final = "__Host-dashtam-connect-"
"""A prefix; the id of the authorization request follows, so that concurrent requests do not collide."""


def new_token(mark: Mark) -> SecretStr:
    """Return a new token or code of 256 random bits."""
    return SecretStr(mark + secrets.token_urlsafe(_RANDOM_BYTES))


def hashed(token: str) -> str:
    """Return the stored form of a token or code: its SHA-256, in hexadecimal.

    The timing of an index look-up by hash reveals nothing about the token, so no constant-time comparison is needed.
    """
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
