"""The settings of a process, and the validation of each value; dashtam/settings/loading.py loads them."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dashtam.settings.addresses import (
    MAIL_URL_SHAPE,
    CacheAddress,
    DatabaseAddress,
    MailAddress,
    is_loopback,
    parse_place,
)
from dashtam.settings.token_keys import is_weak_key, is_weak_secret, parse_token_keys
from dashtam.settings.values import Network, parse_networks, parse_origins, parse_return_paths

TEST_DATABASE_NAME: Final = re.compile(r"dashtam_test(_[a-z0-9]+)?")
# This machine, and the stores of the compose engine. They do not prove that a server is ours: it may be a tunnel.
LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost", "postgres", "redis"})
_MAX_CHARACTERS: Final = 4096
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class Environment(StrEnum):
    """The environment of a process, which decides how strict the settings are."""

    DEVELOPMENT = "development"
    TESTING = "testing"
    PRODUCTION = "production"


class Refused(ValueError):
    """One value has several problems."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


def _strict_bool(value: object) -> object:
    """Accept only true, false, 1 and 0, so that a mistyped switch does not count as on."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in {"true", "1"}:
            return True
        if word in {"false", "0"}:
            return False
        raise ValueError("expected true, false, 1 or 0")
    return value


StrictSwitch = Annotated[bool, BeforeValidator(_strict_bool)]
Secret = Annotated[SecretStr, Field(max_length=_MAX_CHARACTERS)]


class Settings(BaseSettings):
    """The settings of the application in every environment."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8-sig", extra="ignore", frozen=True, case_sensitive=True
    )

    # The first field, because the validators of the other fields depend on it.
    ENVIRONMENT: Environment = Field(
        Environment.PRODUCTION, description="development, testing or production."
    )
    DEBUG: StrictSwitch = Field(
        False, description="Whether errors show details; must be false in production."
    )
    LOG_LEVEL: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="The lowest level that is logged: DEBUG, INFO, WARNING or ERROR.",
    )
    DATABASE_URL: Secret = Field(description="postgresql+asyncpg://user:password@host:port/name")
    REDIS_URL: Secret = Field(description="redis://user:password@host:port/index")
    TOKEN_ENCRYPTION_KEYS: Secret = Field(
        description="id:base64url of 32 random bytes, comma-separated; the first wraps the data keys, all unwrap."
    )
    APP_URL: str = Field(
        "https://localhost:8000",
        max_length=_MAX_CHARACTERS,
        description="The origin at which clients reach the API.",
    )
    CALLBACK_URL: str = Field(
        "https://localhost:8182",
        max_length=_MAX_CHARACTERS,
        validate_default=True,
        description="The origin for providers' redirects, with the host name of APP_URL.",
    )
    RETURN_PATHS: str = Field(
        "/docs",
        max_length=_MAX_CHARACTERS,
        description="Comma-separated paths of APP_URL that the page after a provider's redirect may link to.",
    )
    REGISTRATION_OPEN: StrictSwitch = Field(
        False, description="Whether new users may register with an e-mail address that they can read."
    )
    TRUSTED_PROXIES: str = Field(
        "",
        max_length=_MAX_CHARACTERS,
        description="Comma-separated addresses or networks of reverse proxies whose X-Forwarded-For is trusted.",
    )
    SMTP_URL: Secret = Field(
        SecretStr(""),
        validate_default=True,
        description=f"{MAIL_URL_SHAPE}; if empty outside production, e-mail is kept in the mailbox.",
    )
    MAIL_FROM: str = Field(
        "",
        max_length=_MAX_CHARACTERS,
        validate_default=True,
        description="The sender of e-mail, for example dashtam@example.com.",
    )
    CORS_ORIGINS: str = Field(
        "", max_length=_MAX_CHARACTERS, description="Comma-separated origins whose pages may call the API."
    )
    EXTRA_CA_FILE: str = Field(
        "",
        max_length=_MAX_CHARACTERS,
        description="A file of PEM certificates that calls to providers trust in addition; empty in production.",
    )
    SANDBOX_SERVER: str = Field(
        "",
        max_length=_MAX_CHARACTERS,
        description="host:port at which our own processes reach APP_URL and its sandbox; empty in production.",
    )

    @field_validator("DEBUG")
    @classmethod
    def _debug_is_off_in_production(cls, value: bool, info: ValidationInfo) -> bool:
        if value and _is_production(info):
            raise ValueError("expected false in production")
        return value

    @field_validator("DATABASE_URL")
    @classmethod
    def _database_url_is_plain_and_strong(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        address = DatabaseAddress.parse(value.get_secret_value())
        if _is_production(info) and is_weak_secret(address.password.get_secret_value()):
            raise ValueError("the password is weak or an example; expected 16 or more random characters")
        return value

    @field_validator("REDIS_URL")
    @classmethod
    def _redis_url_is_plain_and_strong(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        password = CacheAddress.parse(value.get_secret_value()).password
        if _is_production(info) and (password is None or is_weak_secret(password.get_secret_value())):
            raise ValueError(
                "the password is missing, weak or an example; expected 16 or more random characters"
            )
        return value

    @field_validator("TOKEN_ENCRYPTION_KEYS")
    @classmethod
    def _token_keys_are_strong(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        keys = parse_token_keys(value.get_secret_value())
        if _is_production(info) and (weak := [key_id for key_id, key in keys.items() if is_weak_key(key)]):
            raise ValueError(f"{', '.join(weak)}: weak or an example; expected 32 random bytes")
        return value

    @field_validator("APP_URL", "CALLBACK_URL")
    @classmethod
    def _urls_are_origins(cls, value: str, info: ValidationInfo) -> str:
        scheme, host = _origin(value)
        if scheme == "http" and (_is_production(info) or not is_loopback(host)):
            raise ValueError("plain http is allowed only on this machine, and never in production")
        return value.rstrip("/")

    @field_validator("CALLBACK_URL")
    @classmethod
    def _callback_shares_the_cookies_of_the_app(cls, value: str, info: ValidationInfo) -> str:
        """Require one host name: the cookie that binds a redirect to its browser ignores ports (RFC 6265, 8.5)."""
        app_url = info.data.get("APP_URL")
        if isinstance(app_url, str) and (host := urlsplit(app_url).hostname) != urlsplit(value).hostname:
            raise ValueError(f"expected the host name of APP_URL, {host}, because both share cookies")
        return value

    @field_validator("RETURN_PATHS")
    @classmethod
    def _return_paths_are_plain(cls, value: str) -> str:
        parse_return_paths(value)
        return value

    @property
    def return_paths(self) -> frozenset[str]:
        """The paths of RETURN_PATHS."""
        return parse_return_paths(self.RETURN_PATHS)

    @field_validator("TRUSTED_PROXIES")
    @classmethod
    def _proxies_are_networks(cls, value: str) -> str:
        parse_networks(value)
        return value

    @property
    def trusted_proxies(self) -> tuple[Network, ...]:
        """The networks of TRUSTED_PROXIES."""
        return parse_networks(self.TRUSTED_PROXIES)

    @field_validator("SMTP_URL")
    @classmethod
    def _mail_server_is_encrypted(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        url = value.get_secret_value()
        if url:
            MailAddress.parse(url)
        elif _is_production(info):
            raise ValueError(f"production requires a mail server; expected {MAIL_URL_SHAPE}")
        return value

    @field_validator("MAIL_FROM")
    @classmethod
    def _sender_is_an_address(cls, value: str, info: ValidationInfo) -> str:
        if not value and not _is_production(info):
            return "dashtam@localhost"
        if not _ADDRESS.fullmatch(value):
            raise ValueError("expected one address, for example dashtam@example.com")
        return value

    @property
    def mail_server(self) -> MailAddress | None:
        """The parts of SMTP_URL; None: e-mail is kept in the mailbox of the environment."""
        url = self.SMTP_URL.get_secret_value()
        return MailAddress.parse(url) if url else None

    @field_validator("CORS_ORIGINS")
    @classmethod
    def _origins_are_exact(cls, value: str, info: ValidationInfo) -> str:
        for origin in sorted(parse_origins(value)):
            scheme, host = _origin(origin)
            if scheme == "http" and (_is_production(info) or not is_loopback(host)):
                raise ValueError("plain http is allowed only on this machine, and never in production")
        return value

    @field_validator("EXTRA_CA_FILE", "SANDBOX_SERVER")
    @classmethod
    def _development_stays_out_of_production(cls, value: str, info: ValidationInfo) -> str:
        if value and _is_production(info):
            raise ValueError("expected nothing in production")
        if value and info.field_name == "SANDBOX_SERVER":
            parse_place(value)
        return value

    @property
    def sandbox_server(self) -> tuple[str, int] | None:
        """The host and port of SANDBOX_SERVER; None: those of APP_URL."""
        return parse_place(self.SANDBOX_SERVER) if self.SANDBOX_SERVER else None

    @property
    def origins(self) -> frozenset[str]:
        """The origins of CORS_ORIGINS."""
        return parse_origins(self.CORS_ORIGINS)

    @property
    def database(self) -> DatabaseAddress:
        """The parts of DATABASE_URL."""
        return DatabaseAddress.parse(self.DATABASE_URL.get_secret_value())

    @property
    def cache(self) -> CacheAddress:
        """The parts of REDIS_URL."""
        return CacheAddress.parse(self.REDIS_URL.get_secret_value())

    @property
    def token_keys(self) -> dict[str, bytes]:
        """The keys by id; the sealing key is first."""
        return parse_token_keys(self.TOKEN_ENCRYPTION_KEYS.get_secret_value())


class TestSettings(Settings):
    """The settings of the test environment; they accept only a database that may be destroyed."""

    __test__ = False  # pytest must not collect this class

    TESTING: StrictSwitch = Field(description="true, which marks the test environment.")
    DISABLE_EXTERNAL_CALLS: StrictSwitch = Field(
        True, description="true, which refuses every connection that leaves this machine."
    )
    CLUSTER_IDENTIFIER: str = Field(
        pattern="^[0-9]{1,20}$",
        description="the system_identifier of the PostgreSQL cluster, as recorded at its first start.",
    )
    # Defined after DATABASE_URL, because its validator compares the two.
    DEVELOPMENT_DATABASE: str = Field(
        max_length=_MAX_CHARACTERS,
        description="host:port/name of the development database, which tests must never touch.",
    )

    @field_validator("ENVIRONMENT")
    @classmethod
    def _environment_is_testing(cls, value: Environment) -> Environment:
        if value is not Environment.TESTING:
            raise ValueError("expected testing")
        return value

    @field_validator("TESTING", "DISABLE_EXTERNAL_CALLS")
    @classmethod
    def _switches_are_on(cls, value: bool) -> bool:
        if not value:
            raise ValueError("expected true")
        return value

    @field_validator("DATABASE_URL")
    @classmethod
    def _database_is_for_tests(cls, value: SecretStr) -> SecretStr:
        address = DatabaseAddress.parse(value.get_secret_value(), plain=True)
        if not TEST_DATABASE_NAME.fullmatch(address.name):
            raise ValueError(
                f"names the database {address.name}; expected dashtam_test or dashtam_test_<suffix>"
            )
        if address.host not in LOCAL_HOSTS:
            raise ValueError(f"points to {address.host}; expected this machine, or the component postgres")
        return value

    @field_validator("REDIS_URL")
    @classmethod
    def _cache_is_for_tests(cls, value: SecretStr) -> SecretStr:
        address = CacheAddress.parse(value.get_secret_value())
        if address.index == 0:
            raise ValueError("has index 0, which belongs to development; expected 1")
        if address.host not in LOCAL_HOSTS:
            raise ValueError(f"points to {address.host}; expected this machine, or the component redis")
        return value

    @field_validator("SMTP_URL")
    @classmethod
    def _mail_stays_here(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url and not is_loopback(host := MailAddress.parse(url).host):
            raise ValueError(f"points to {host}; expected this machine, or no value")
        return value

    @field_validator("DEVELOPMENT_DATABASE")
    @classmethod
    def _development_is_elsewhere(cls, value: str, info: ValidationInfo) -> str:
        url = info.data.get("DATABASE_URL")
        if isinstance(url, SecretStr) and DatabaseAddress.parse(url.get_secret_value()).place == value:
            raise ValueError("is the database of DATABASE_URL; expected another")
        return value


def _is_production(info: ValidationInfo) -> bool:
    return info.data.get("ENVIRONMENT") is Environment.PRODUCTION


def _origin(url: str) -> tuple[str, str]:
    """Return the scheme and the host of `https://host[:port][/]`."""
    problems = []
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("malformed; expected https://host:port") from None
    if parts.scheme not in {"http", "https"} or not host or not url.isprintable() or " " in url:
        problems.append("expected https://host:port")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        problems.append("only scheme, host and port are allowed")
    if problems:
        raise Refused(problems)
    return parts.scheme, host
