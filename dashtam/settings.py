"""What a process runs with: environment variables over the env file, complete and safe, or refused as a whole.

The hierarchy is that of the environment workflow: the engine's variables, then the env file (`.env`, or the file that
`DASHTAM_ENV_FILE` names), then defaults that are safe in production.
"""

import base64
import binascii
import hashlib
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from dashtam.errors import SettingsError

ENV_FILE_VARIABLE: Final = "DASHTAM_ENV_FILE"
TEST_DATABASE_NAME: Final = re.compile(r"dashtam_test(_[a-z0-9]+)?")
_SCHEMES: Final = {"postgresql+asyncpg", "postgresql", "asyncpg"}
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_WEAK_MARKS: Final = ("change_me", "change-me", "changeme", "example", "password", "secret", "test")
_LEAST_SECRET_LENGTH: Final = 16
_KEY_BYTES: Final = 32


class Environment(StrEnum):
    """Which settings a process runs with."""

    DEVELOPMENT = "development"
    TESTING = "testing"
    PRODUCTION = "production"


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


@dataclass(frozen=True)
class DatabaseAddress:
    """Where a database is and who asks for it, in discrete parts: no client below the settings ever sees a URL."""

    host: str
    port: int
    name: str
    user: str
    password: SecretStr

    @classmethod
    def parse(cls, url: str, *, plain: bool = False) -> Self:
        """Read `postgresql+asyncpg://user:password@host:port/name`.

        Every reader of such URLs understands queries, fragments and lists of hosts differently (libpq, asyncpg and
        Tortoise were compared), so none of them is taken. With `plain`, percent escapes are refused as well.

        Raises:
            ValueError: says which part was not understood; never quotes the password.
        """
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in _SCHEMES:
            raise ValueError("expected postgresql+asyncpg://user:password@host:port/name")
        if forbidden := [sign for sign in "?#,\\" if sign in rest]:
            raise ValueError(
                f"{' '.join(forbidden)} not allowed; expected only user, password, host, port and name"
            )
        if any(sign.isspace() or not sign.isprintable() for sign in rest):
            raise ValueError("white space or control characters not allowed")
        if rest.count("@") != 1:
            raise ValueError("expected exactly one @, between the password and the host")
        if plain and "%" in rest:
            raise ValueError("percent escapes not allowed in the address of a test database")
        parts = urlsplit(f"postgresql://{rest}")
        host, port = parts.hostname, parts.port
        name = unquote(parts.path.removeprefix("/"))
        if not host or "%" in host:
            raise ValueError("host missing or malformed")
        if not parts.username or not parts.password:
            raise ValueError("user or password missing")
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError("database name must be lower-case letters, digits and _, at most 63")
        return cls(
            host,
            5432 if port is None else port,
            name,
            unquote(parts.username),
            SecretStr(unquote(parts.password)),
        )

    @property
    def place(self) -> str:
        """`host:port/name`, which is safe to print."""
        return f"{self.host}:{self.port}/{self.name}"


@dataclass(frozen=True)
class CacheAddress:
    """Where the cache is: a Redis server and the index of one of its databases."""

    host: str
    port: int
    index: int
    password: SecretStr | None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `redis://:password@host:port/index`; the index must be written out.

        Raises:
            ValueError: says which part was not understood; never quotes the password.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"redis", "rediss"} or parts.query or parts.fragment or not parts.hostname:
            raise ValueError("expected redis://:password@host:port/index")
        index = parts.path.removeprefix("/")
        if not (index.isascii() and index.isdigit() and int(index) < 16):
            raise ValueError("expected the index of a Redis database, 0 to 15, after the last /")
        password = SecretStr(unquote(parts.password)) if parts.password else None
        return cls(parts.hostname, parts.port or 6379, int(index), password)

    @property
    def place(self) -> str:
        """`host:port/index`, which is safe to print."""
        return f"{self.host}:{self.port}/{self.index}"


def parse_token_keys(value: str) -> dict[str, bytes]:
    """Read `id:base64url,...`: key id to 32 bytes, the sealing key first.

    Raises:
        ValueError: says which entry was not understood; never quotes a key.
    """
    keys: dict[str, bytes] = {}
    for place, entry in enumerate(value.split(","), start=1):
        key_id, separator, text = entry.strip().partition(":")
        if not separator or not re.fullmatch(r"[a-z0-9_-]{1,32}", key_id):
            raise ValueError(
                f"entry {place}: expected id:key with an id of lower-case letters, digits, _ or -"
            )
        if key_id in keys:
            raise ValueError(f"entry {place}: the id {key_id!r} stands twice")
        try:
            key = base64.b64decode(text, altchars=b"-_", validate=True)
        except binascii.Error:
            raise ValueError(f"entry {place}: the key is not base64url") from None
        if len(key) != _KEY_BYTES:
            raise ValueError(f"entry {place}: expected a key of {_KEY_BYTES} bytes, got {len(key)}")
        keys[key_id] = key
    return keys


def _is_weak(secret: str) -> bool:
    """Too short, too uniform, or one of the words that examples are made of."""
    lowered = secret.lower()
    return (
        len(secret) < _LEAST_SECRET_LENGTH
        or len(set(secret)) < 8
        or any(mark in lowered for mark in _WEAK_MARKS)
    )


def _is_weak_key(key: bytes) -> bool:
    return len(set(key)) < 16 or all(32 <= byte < 127 for byte in key)


class Settings(BaseSettings):
    """The settings of the application, whatever it runs in."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8", extra="ignore", frozen=True, case_sensitive=True
    )

    ENVIRONMENT: Environment = Field(
        Environment.PRODUCTION, description="development, testing or production."
    )
    DEBUG: StrictSwitch = Field(False, description="Show details of failures; never in production.")
    LOG_LEVEL: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level that is logged."
    )
    DATABASE_URL: SecretStr = Field(description="postgresql+asyncpg://user:password@host:port/name")
    REDIS_URL: SecretStr = Field(description="redis://:password@host:port/index")
    TOKEN_ENCRYPTION_KEYS: SecretStr = Field(
        description="Keys that seal provider tokens: id:base64url of 32 bytes, comma-separated, the sealing one first."
    )
    APP_URL: str = Field("https://localhost:8000", description="Where clients reach the API.")
    CALLBACK_URL: str = Field("https://localhost:8182", description="Where providers send their redirects.")

    @field_validator("DATABASE_URL")
    @classmethod
    def _database_url_is_plain(cls, value: SecretStr) -> SecretStr:
        DatabaseAddress.parse(value.get_secret_value())
        return value

    @field_validator("REDIS_URL")
    @classmethod
    def _redis_url_is_plain(cls, value: SecretStr) -> SecretStr:
        CacheAddress.parse(value.get_secret_value())
        return value

    @field_validator("TOKEN_ENCRYPTION_KEYS")
    @classmethod
    def _token_keys_are_keys(cls, value: SecretStr) -> SecretStr:
        parse_token_keys(value.get_secret_value())
        return value

    @field_validator("APP_URL", "CALLBACK_URL")
    @classmethod
    def _urls_have_a_host(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("expected https://host:port")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("plain http is allowed on this machine alone; expected https://host:port")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _production_is_safe(self) -> Self:
        if self.ENVIRONMENT is Environment.PRODUCTION and (problems := list(self._unsafe_in_production())):
            raise ValueError("; ".join(problems))
        return self

    def _unsafe_in_production(self) -> list[str]:
        problems = []
        if self.DEBUG:
            problems.append("DEBUG is on; expected false in production")
        problems += [
            f"{name} is plain http; expected https in production"
            for name in ("APP_URL", "CALLBACK_URL")
            if getattr(self, name).startswith("http://")
        ]
        if _is_weak(self.database.password.get_secret_value()):
            problems.append(
                "the password in DATABASE_URL is weak or an example; expected 16 or more random characters"
            )
        cache_password = self.cache.password
        if cache_password is None or _is_weak(cache_password.get_secret_value()):
            problems.append("the password in REDIS_URL is missing, weak or an example")
        if any(_is_weak_key(key) for key in self.token_keys.values()):
            problems.append("TOKEN_ENCRYPTION_KEYS holds a weak or example key; expected 32 random bytes")
        return problems

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

    TESTING: StrictSwitch = Field(description="Must be true: says that this is the test environment.")
    DISABLE_EXTERNAL_CALLS: StrictSwitch = Field(
        True, description="Refuse every connection that leaves this machine."
    )
    CLUSTER_IDENTIFIER: str = Field(
        pattern="^[0-9]{1,20}$",
        description="system_identifier of the PostgreSQL cluster, recorded at its first start.",
    )
    DEVELOPMENT_DATABASE: str = Field(
        description="host:port/name of the development database, never to be touched."
    )

    @model_validator(mode="after")
    def _is_the_test_environment(self) -> Self:
        problems = []
        if self.ENVIRONMENT is not Environment.TESTING:
            problems.append(f"ENVIRONMENT is {self.ENVIRONMENT}; expected testing")
        if not self.TESTING:
            problems.append("TESTING is false; expected true")
        if not self.DISABLE_EXTERNAL_CALLS:
            problems.append("DISABLE_EXTERNAL_CALLS is false; expected true")
        try:
            address = DatabaseAddress.parse(self.DATABASE_URL.get_secret_value(), plain=True)
        except ValueError as error:
            problems.append(f"DATABASE_URL: {error}")
        else:
            if not TEST_DATABASE_NAME.fullmatch(address.name):
                problems.append(
                    f"DATABASE_URL names the database {address.name}; expected dashtam_test or dashtam_test_<suffix>"
                )
            if address.place == self.DEVELOPMENT_DATABASE:
                problems.append(f"DATABASE_URL is the development database {address.place}; expected another")
        if self.cache.index == 0:
            problems.append("REDIS_URL has index 0, which is development's; expected 1")
        if problems:
            raise ValueError("; ".join(problems))
        return self


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
    env_file = _env_file()
    try:
        settings = kind(_env_file=env_file)  # type: ignore[call-arg]  # pydantic-settings' own keyword
    except ValidationError as error:
        raise SettingsError(_problems(error, kind, env_file)) from None
    if settings.ENVIRONMENT is Environment.PRODUCTION and (names := _test_variables(env_file)):
        raise SettingsError([f"{', '.join(names)}: test variables are refused in production; remove them"])
    return settings


def fingerprint(settings: Settings) -> dict[str, str]:
    """Say what each setting is and where it came from, secrets as the first bytes of their hash."""
    origins = _origins(type(settings), _env_file())
    shown = {name: _shown(getattr(settings, name)) for name in type(settings).model_fields}
    return {name: f"{value} ({origins[name]})" for name, value in shown.items()} | {
        "database": settings.database.place,
        "cache": settings.cache.place,
    }


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return f"sha256:{hashlib.sha256(value.get_secret_value().encode()).hexdigest()[:8]}"
    return str(value)


def _env_file() -> Path:
    path = Path(os.environ.get(ENV_FILE_VARIABLE, ".env"))
    if path.is_dir():
        raise SettingsError(
            [f"{path} is a folder; expected an env file. Remove the folder and copy .env.example there"]
        )
    if ENV_FILE_VARIABLE in os.environ and not path.is_file():
        raise SettingsError([f"{ENV_FILE_VARIABLE} names {path}, which does not exist"])
    return path


def _file_values(env_file: Path) -> Mapping[str, str | None]:
    return (
        DotEnvSettingsSource._static_read_env_file(env_file, case_sensitive=True)
        if env_file.is_file()
        else {}
    )


def _origins(kind: type[Settings], env_file: Path) -> dict[str, str]:
    values = _file_values(env_file)
    return {
        name: "environment" if name in os.environ else env_file.name if name in values else "default"
        for name in kind.model_fields
    }


def _test_variables(env_file: Path) -> list[str]:
    names = {*os.environ, *_file_values(env_file)}
    return sorted(name for name in names if name.startswith("TEST_") or name == "TESTING")


def _problems(error: ValidationError, kind: type[Settings], env_file: Path) -> list[str]:
    origins = _origins(kind, env_file)
    problems = []
    for detail in error.errors(include_url=False):
        name = ".".join(map(str, detail["loc"]))
        message = detail["msg"].removeprefix("Value error, ")
        if not name:
            problems += message.split("; ")
        elif detail["type"] == "missing":
            problems.append(f"{name} is missing; expected {kind.model_fields[name].description}")
        else:
            problems.append(f"{name} (from {origins[name]}): {message}{_seen(kind, name, detail['input'])}")
    return problems


def _seen(kind: type[Settings], name: str, value: Any) -> str:
    return "" if kind.model_fields[name].annotation is SecretStr else f"; got {str(value)[:40]!r}"
