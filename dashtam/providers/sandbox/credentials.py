"""The sandbox's credentials for this installation; both sides derive them from the installation's keys."""

from typing import Final

from pydantic import SecretStr

from dashtam.security.derivation import derive_key
from dashtam.settings.model import Settings

CLIENT_ID: Final = "dashtam"
_PURPOSE: Final = b"dashtam sandbox client"


def client_secrets(settings: Settings) -> list[SecretStr]:
    """Return the client's secrets, one for each key, so that a rotation of keys does not lock the client out."""
    return [SecretStr(derive_key(key, purpose=_PURPOSE).hex()) for key in settings.token_keys.values()]


def issuer(settings: Settings) -> str:
    """Return the issuer of the sandbox (RFC 8414, 2), which is also the prefix of its URLs."""
    return f"{settings.APP_URL}/sandbox"
