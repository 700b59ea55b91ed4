"""Tokens that prove a session, and codes that prove an address: 256 random bits, of which only the hash is stored.

A hash without salt is enough for what nobody can guess (OWASP ASVS 5.0, 6.6.2 and 7.2.2). Each begins with a word that
says what it is, so that a scanner finds one that was published by mistake, and our logs mask it.
"""

import hashlib
import secrets
from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import SecretStr

_RANDOM_BYTES: Final = 32


class Mark(StrEnum):
    """What a token or code begins with; dashtam/logs/masking.py knows their common shape."""

    ACCESS = "dashtam_access_"
    REFRESH = "dashtam_refresh_"
    BROWSER = "dashtam_browser_"
    PERSONAL = "dashtam_personal_"
    REGISTRATION = "dashtam_registration_"
    RESET = "dashtam_reset_"
    CONNECT = "dashtam_connect_"
    """The ticket in a link that begins a connection."""
    OPENER = "dashtam_opener_"
    """What the browser that opened the link holds until the provider has answered."""
    STATE = "dashtam_state_"
    """RFC 6749, 10.12."""


ACCESS_TTL: Final = timedelta(minutes=15)
PROGRAM_IDLE_TTL: Final = timedelta(days=14)
"""How long a refresh token waits to be used."""
PROGRAM_TTL: Final = timedelta(days=30)
"""NIST SP 800-63B, revision 4, 2.1.3: at most 30 days until the next sign-in."""
BROWSER_IDLE_TTL: Final = timedelta(hours=1)
BROWSER_TTL: Final = timedelta(hours=24)
"""An hour of silence, a day in all: what NIST SP 800-63B, revision 4, 2.2.3 recommends where a second factor is."""
REFRESH_GRACE: Final = timedelta(seconds=10)
"""Two honest requests may refresh at once: so soon, the second one is told, and the session goes on."""
REGISTRATION_TTL: Final = timedelta(hours=24)
RESET_TTL: Final = timedelta(minutes=30)
AUTHORIZATION_TTL: Final = timedelta(minutes=10)
"""How long a user has between asking for a connection and the provider's answer."""
SESSION_COOKIE: Final = "__Host-dashtam"
"""The prefix makes browsers insist on Secure, on Path=/ and on no Domain (RFC 6265bis, 4.1.3.2)."""
OPENER_COOKIE: Final = "__Host-dashtam-connect-"
"""Followed by the id of the authorization request: two at once do not collide."""


def new_token(mark: Mark) -> SecretStr:
    """Make a token or code of 256 random bits."""
    return SecretStr(mark + secrets.token_urlsafe(_RANDOM_BYTES))


def hashed(token: str) -> str:
    """What is stored of a token or code: its SHA-256, in hexadecimal.

    Comparing hashes by an index tells nothing of the token, so this look-up needs no constant time.
    """
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
