"""What providers that give the user something to copy have in common."""

from collections.abc import Mapping

from pydantic import SecretStr

from dashtam.providers.base import SecretField
from dashtam.providers.failures import SecretRefused


def read_secret(field: SecretField, secrets: Mapping[str, SecretStr]) -> SecretStr:
    """Take one field of what a user entered, without the blanks around it.

    Raises:
        SecretRefused: it is missing, too long, or holds what nobody copies: blanks, controls, signs beyond ASCII.
    """
    value = secrets.get(field.name, SecretStr("")).get_secret_value().strip()
    if not value or len(value) > field.most_signs:
        raise SecretRefused(
            f"{field.name} has {len(value)} signs; expected 1 to {field.most_signs}", detail="malformed"
        )
    if not all("!" <= sign <= "~" for sign in value):
        raise SecretRefused(f"{field.name} holds signs that no secret has", detail="malformed")
    return SecretStr(value)
