"""Proof Key for Code Exchange (RFC 7636): a code is of use to nobody but whoever asked for it."""

import base64
import hashlib
import secrets
from typing import Final

from pydantic import SecretStr

_VERIFIER_BYTES: Final = 64


def new_verifier() -> SecretStr:
    """Make a verifier: 86 characters, of the 43 to 128 that RFC 7636, 4.1 asks for; one for each authorization."""
    return SecretStr(secrets.token_urlsafe(_VERIFIER_BYTES))


def challenge_of(verifier: SecretStr) -> str:
    """The S256 challenge of a verifier (RFC 7636, 4.2); there is no other method here."""
    digest = hashlib.sha256(verifier.get_secret_value().encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
