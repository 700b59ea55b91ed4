"""What the sandbox knows this installation by: nobody enters it, both sides derive it from the installation's key."""

from typing import Final

from pydantic import SecretStr

from dashtam.security.derivation import derive_key
from dashtam.settings.model import Settings

CLIENT_ID: Final = "dashtam"
_PURPOSE: Final = b"dashtam sandbox client"


def client_secrets(settings: Settings) -> list[SecretStr]:
    """The secrets of the client, one for each key, so that a change of keys locks nobody out."""
    return [SecretStr(derive_key(key, purpose=_PURPOSE).hex()) for key in settings.token_keys.values()]


def issuer(settings: Settings) -> str:
    """The issuer of the sandbox (RFC 8414, 2), and where its paths begin."""
    return f"{settings.APP_URL}/sandbox"
