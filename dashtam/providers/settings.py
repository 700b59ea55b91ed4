"""The settings of providers: client ids and secrets, read from the same places as all other settings.

Each provider has its own class, and the names of its settings begin with the provider's name:

    class SchwabSettings(ClientSettings):
        model_config = provider_config("SCHWAB_")
"""

import os
from typing import Final, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dashtam.settings.env_file import find_env_file, read_env_file
from dashtam.settings.errors import SettingsError

_MAX_CHARACTERS: Final = 1024
_PLAIN: Final = r"^[\x21-\x7e]*$"

AnySettings = TypeVar("AnySettings", bound="ProviderSettings")


class ProviderSettings(BaseSettings):
    """The settings of one provider; if they are empty, the provider is not available."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8-sig", extra="ignore", frozen=True, case_sensitive=True
    )


class ClientSettings(ProviderSettings):
    """The settings of a provider that identifies clients by an id and a secret (RFC 6749, 2.3.1).

    Both secrets are tried in turn, so that a secret can be replaced without an outage. Set CLIENT_SECRET_NEXT, activate
    the new secret at the provider, and move it to CLIENT_SECRET once the old secret is revoked.
    """

    CLIENT_ID: str = Field(
        "",
        max_length=_MAX_CHARACTERS,
        pattern=_PLAIN,
        description="The provider's id for this installation.",
    )
    CLIENT_SECRET: SecretStr = Field(
        SecretStr(""),
        max_length=_MAX_CHARACTERS,
        description="The secret of this installation at the provider.",
    )
    CLIENT_SECRET_NEXT: SecretStr = Field(
        SecretStr(""),
        max_length=_MAX_CHARACTERS,
        description="The next secret, while the secret is replaced.",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.CLIENT_ID) is not bool(self.secrets):
            missing = "CLIENT_SECRET" if self.CLIENT_ID else "CLIENT_ID"
            prefix = self.model_config.get("env_prefix", "")
            raise ValueError(f"{prefix}{missing} is missing; expected both the id and a secret, or neither")
        if not all(_is_plain(secret) for secret in self.secrets):
            raise ValueError(
                "a client secret holds blanks or non-ASCII characters; expected the secret that the provider shows"
            )
        return self

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """The secrets that are tried in turn."""
        return tuple(
            secret for secret in (self.CLIENT_SECRET, self.CLIENT_SECRET_NEXT) if secret.get_secret_value()
        )


def provider_config(prefix: str) -> SettingsConfigDict:
    """Return the configuration of a provider's settings, whose names begin with `prefix`."""
    return SettingsConfigDict(env_prefix=prefix)


def load_provider_settings(kind: type[AnySettings]) -> AnySettings:
    """Read the settings of a provider; environment variables override the env file.

    Raises:
        SettingsError: lists every malformed setting by name and origin; values are never quoted.
    """
    env_file = find_env_file()
    values = read_env_file(env_file) if env_file else {}
    prefix = kind.model_config.get("env_prefix", "")
    try:
        return kind(_env_file=env_file)
    except ValidationError as error:
        problems = []
        for detail in error.errors(include_url=False, include_input=False):
            name = prefix + "".join(map(str, detail["loc"]))
            message = detail["msg"].removeprefix("Value error, ").replace("String should", "expected to")
            origin = "environment" if name in os.environ else "env file" if name in values else "settings"
            problems.append(f"{name} (from {origin}): {message}" if detail["loc"] else message)
        raise SettingsError(problems) from None


def secrets_of(settings: ProviderSettings) -> frozenset[str]:
    """Return every secret value of a provider's settings, which logs must never contain."""
    secrets = (value.get_secret_value() for _, value in settings if isinstance(value, SecretStr))
    return frozenset(secret for secret in secrets if secret)


def _is_plain(secret: SecretStr) -> bool:
    text = secret.get_secret_value()
    return text.isascii() and text.isprintable() and " " not in text
