"""What a process runs with: environment variables over the env file, complete and safe, or refused as a whole.

The hierarchy is that of the environment workflow: the engine's variables, then the env file (`.env`, or the file that
`DASHTAM_ENV_FILE` names), then defaults that are safe in production.
"""

import hashlib
import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dashtam.addresses import CacheAddress, DatabaseAddress
from dashtam.credentials import is_weak_key, is_weak_secret, parse_token_keys
from dashtam.env_file import find_env_file, read_env_file
from dashtam.errors import SettingsError

TEST_DATABASE_NAME: Final = re.compile(r"dashtam_test(_[a-z0-9]+)?")
# This machine, and what the compose engine calls its stores. No proof that a server is ours: a tunnel listens here too.
LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost", "postgres", "redis"})
_MOST_SIGNS: Final = 4096


class Environment(StrEnum):
    """Which settings a process runs with."""

    DEVELOPMENT = "development"
    TESTING = "testing"
    PRODUCTION = "production"


class _Refused(ValueError):
    """Several things are wrong with one value."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


def _strict_bool(value: object) -> object:
    """Read true, false, 1 or 0 and nothing else: a mistyped switch must not count as on."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in {"true", "1"}:
            return True
        if word in {"false", "0"}:
            return False
        raise ValueError("expected true, false, 1 or 0")
    return value


StrictSwitch = Annotated[bool, BeforeValidator(_strict_bool)]
Secret = Annotated[SecretStr, Field(max_length=_MOST_SIGNS)]


class Settings(BaseSettings):
    """The settings of the application, whatever it runs in."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8-sig", extra="ignore", frozen=True, case_sensitive=True
    )

    # The first field: the validators of the others ask it how strict to be.
    ENVIRONMENT: Environment = Field(
        Environment.PRODUCTION, description="development, testing or production."
    )
    DEBUG: StrictSwitch = Field(False, description="Show details of failures; never in production.")
    LOG_LEVEL: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="Least level that is logged: DEBUG, INFO, WARNING or ERROR.",
    )
    DATABASE_URL: Secret = Field(description="postgresql+asyncpg://user:password@host:port/name")
    REDIS_URL: Secret = Field(description="redis://user:password@host:port/index")
    TOKEN_ENCRYPTION_KEYS: Secret = Field(
        description="id:base64url of 32 random bytes, comma-separated; the first key seals provider tokens, all open."
    )
    APP_URL: str = Field(
        "https://localhost:8000", max_length=_MOST_SIGNS, description="Where clients reach the API."
    )
    CALLBACK_URL: str = Field(
        "https://localhost:8182",
        max_length=_MOST_SIGNS,
        description="Where providers send their redirects.",
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
        if scheme == "http" and (_is_production(info) or not _is_loopback(host)):
            raise ValueError("plain http is allowed on this machine alone, and never in production")
        return value.rstrip("/")

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
        """Key id to key, the sealing key first."""
        return parse_token_keys(self.TOKEN_ENCRYPTION_KEYS.get_secret_value())


class TestSettings(Settings):
    """The settings of the test environment; they describe nothing but a database that may be destroyed."""

    __test__ = False  # a class of settings, not one of tests

    TESTING: StrictSwitch = Field(description="true: says that this is the test environment.")
    DISABLE_EXTERNAL_CALLS: StrictSwitch = Field(
        True, description="true: refuse every connection that leaves this machine."
    )
    CLUSTER_IDENTIFIER: str = Field(
        pattern="^[0-9]{1,20}$",
        description="the system_identifier of the PostgreSQL cluster, recorded at its first start.",
    )
    # Stands after DATABASE_URL: its validator compares the two.
    DEVELOPMENT_DATABASE: str = Field(
        max_length=_MOST_SIGNS,
        description="host:port/name of the development database, never to be touched.",
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
            raise ValueError(f"leads to {address.host}; expected this machine, or the component postgres")
        return value

    @field_validator("REDIS_URL")
    @classmethod
    def _cache_is_for_tests(cls, value: SecretStr) -> SecretStr:
        address = CacheAddress.parse(value.get_secret_value())
        if address.index == 0:
            raise ValueError("has index 0, which is development's; expected 1")
        if address.host not in LOCAL_HOSTS:
            raise ValueError(f"leads to {address.host}; expected this machine, or the component redis")
        return value

    @field_validator("DEVELOPMENT_DATABASE")
    @classmethod
    def _development_is_elsewhere(cls, value: str, info: ValidationInfo) -> str:
        url = info.data.get("DATABASE_URL")
        if isinstance(url, SecretStr) and DatabaseAddress.parse(url.get_secret_value()).place == value:
            raise ValueError("is the very database that DATABASE_URL names; expected another")
        return value


def _is_production(info: ValidationInfo) -> bool:
    return info.data.get("ENVIRONMENT") is Environment.PRODUCTION


def _origin(url: str) -> tuple[str, str]:
    """Read scheme and host of `https://host[:port][/]`."""
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
        raise _Refused(problems)
    return parts.scheme, host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


AnySettings = TypeVar("AnySettings", bound=Settings)


def load_settings(kind: type[AnySettings]) -> AnySettings:
    """Read the settings of this process, or refuse them as a whole.

    Raises:
        SettingsError: every missing or malformed value at once, by name, with where it came from. No value of a
            secret is ever quoted.
    """
    env_file = find_env_file()
    values = read_env_file(env_file) if env_file else {}
    problems = _test_variables_in_production(values)
    try:
        settings = kind(_env_file=env_file)
    except ValidationError as error:
        raise SettingsError(problems + _problems(error, kind, values)) from None
    if problems:
        raise SettingsError(problems)
    return settings


def fingerprint(settings: Settings) -> dict[str, str]:
    """Say what each setting is and where it came from; of a secret, just enough to see whether two differ."""
    env_file = find_env_file()
    values = read_env_file(env_file) if env_file else {}
    shown = {
        name: f"{_shown(getattr(settings, name))} ({_origin_of(name, values)})"
        for name in type(settings).model_fields
    }
    return shown | {"database": settings.database.place, "cache": settings.cache.place}


def secret_values(settings: Settings) -> frozenset[str]:
    """Every value that must never be written anywhere: whole settings, and the passwords and keys within."""
    cache_password = settings.cache.password
    whole = [value for _, value in settings if isinstance(value, SecretStr)]
    within = [settings.database.password, *([cache_password] if cache_password else [])]
    keys = [entry.partition(":")[2] for entry in settings.TOKEN_ENCRYPTION_KEYS.get_secret_value().split(",")]
    return frozenset([*(value.get_secret_value() for value in [*whole, *within]), *keys])


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        # 16 bits of a hash: no help in guessing a password.
        return f"sha256:{hashlib.sha256(value.get_secret_value().encode()).hexdigest()[:4]}"
    return str(value)


def _origin_of(name: str, values: Mapping[str, str | None]) -> str:
    if name in os.environ:
        return "environment"
    return "env file" if name in values else "default"


def _test_variables_in_production(values: Mapping[str, str | None]) -> list[str]:
    """Name the variables of the test environment where they have no business (they say what may be destroyed)."""
    names = {*os.environ, *values}
    environment = os.environ.get("ENVIRONMENT", values.get("ENVIRONMENT", Environment.PRODUCTION))
    if environment != Environment.PRODUCTION:
        return []
    found = sorted(name for name in names if name.startswith("TEST_") or name == "TESTING")
    return [f"{name} (from {_origin_of(name, values)}): refused in production; remove it" for name in found]


def _problems(error: ValidationError, kind: type[Settings], values: Mapping[str, str | None]) -> list[str]:
    problems: list[str] = []
    for detail in error.errors(include_url=False):
        name = ".".join(map(str, detail["loc"]))
        if detail["type"] == "missing":
            problems.append(f"{name} is missing; expected {kind.model_fields[name].description}")
            continue
        cause = detail.get("ctx", {}).get("error")
        messages = cause.problems if isinstance(cause, _Refused) else (_message(detail["msg"]),)
        seen = _seen(kind, name, detail["input"])
        problems += [f"{name} (from {_origin_of(name, values)}): {message}{seen}" for message in messages]
    return problems


def _message(pydantic_message: str) -> str:
    message = pydantic_message.removeprefix("Value error, ")
    return message.replace("Input should be", "expected").replace("String should", "expected to")


def _seen(kind: type[Settings], name: str, value: object) -> str:
    return "" if kind.model_fields[name].annotation is SecretStr else f"; got {str(value)[:40]!r}"
