"""The addresses of databases, caches and mail servers, parsed strictly from URLs into discrete parts."""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

DATABASE_URL_SHAPE: Final = "postgresql+asyncpg://user:password@host:port/name"
CACHE_URL_SHAPE: Final = "redis://user:password@host:port/index"
_DATABASE_SCHEMES: Final = {"postgresql+asyncpg", "postgresql", "asyncpg"}
MAIL_URL_SHAPE: Final = "smtps://user:password@host:465 or smtp+starttls://user:password@host:587"
_CACHE_SCHEMES: Final = {"redis", "rediss"}
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})|[0-9A-Fa-f:.]{2,45}")
# urlsplit ignores text before [ and after ], other parsers do not.
_BRACKETS: Final = re.compile(r"(\[[^\[\]]*\]|[^\[\]:/]*)(:[^\[\]/]*)?(/[^\[\]]*)?")
_CACHE_INDEXES: Final = 16
_MAX_PORT: Final = 65_535


@dataclass(frozen=True)
class DatabaseAddress:
    """The address of a database and its user, in discrete parts; code below the settings never parses a URL."""

    host: str
    port: int
    name: str
    user: str
    password: SecretStr

    @classmethod
    def parse(cls, url: str, *, plain: bool = False) -> Self:
        """Parse `postgresql+asyncpg://user:password@host:port/name`.

        Queries, fragments and lists of hosts are refused, because libpq, asyncpg and Tortoise interpret them
        differently. `plain` also refuses percent escapes, and users that are not simple identifiers, because Tortoise
        escapes those itself.

        Raises:
            ValueError: names the part that is not valid; never quotes the password.
        """
        parts = _split(url, _DATABASE_SCHEMES, DATABASE_URL_SHAPE)
        if plain and "%" in url:
            raise ValueError("percent escapes are not allowed in the URL of a test database")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not user or not password:
            raise ValueError(f"the user or the password is missing; expected {DATABASE_URL_SHAPE}")
        if plain and not _IDENTIFIER.fullmatch(user):
            raise ValueError(
                "the user of a test database must be at most 63 lower-case letters, digits and _"
            )
        name = parts.path.removeprefix("/")
        if not _IDENTIFIER.fullmatch(unquote(name)):
            raise ValueError("the database name must be at most 63 lower-case letters, digits and _")
        return cls(
            _host(parts), _port(parts, default=5432), unquote(name), _text(user), SecretStr(_text(password))
        )

    @property
    def place(self) -> str:
        """`host:port/name`, which is safe to print."""
        return f"{self.host}:{self.port}/{self.name}"


@dataclass(frozen=True)
class CacheAddress:
    """The address of the cache: a Redis server and the index of one of its databases."""

    host: str
    port: int
    index: int
    password: SecretStr | None
    user: str | None = None
    """None: the default user of Redis."""
    is_encrypted: bool = False

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse `redis://user:password@host:port/index` (`rediss` for TLS); the index is required.

        Without a user (`redis://:password@...`), the default user of Redis is used.

        Raises:
            ValueError: names the part that is not valid; never quotes the password.
        """
        parts = _split(url, _CACHE_SCHEMES, CACHE_URL_SHAPE)
        if parts.username and not parts.password:
            raise ValueError(f"the user has no password; expected {CACHE_URL_SHAPE}")
        index = parts.path.removeprefix("/")
        if not re.fullmatch("[0-9]{1,2}", index) or int(index) >= _CACHE_INDEXES:
            raise ValueError("expected the index of a Redis database, 0 to 15, after the last /")
        password = SecretStr(_text(unquote(parts.password))) if parts.password else None
        user = _text(unquote(parts.username)) if parts.username else None
        is_encrypted = parts.scheme == "rediss"
        return cls(_host(parts), _port(parts, default=6379), int(index), password, user, is_encrypted)

    @property
    def place(self) -> str:
        """`host:port/index`, which is safe to print."""
        return f"{self.host}:{self.port}/{self.index}"


class MailEncryption(StrEnum):
    """How the connection to a mail server is encrypted; the value is the scheme of its URL."""

    IMPLICIT = "smtps"
    """TLS from the first byte (RFC 8314)."""
    STARTTLS = "smtp+starttls"
    """TLS after the command STARTTLS; without TLS, nothing is sent (RFC 3207)."""
    NONE = "smtp"
    """No encryption; only for a server on this machine."""


_MAIL_PORTS: Final = {MailEncryption.IMPLICIT: 465, MailEncryption.STARTTLS: 587, MailEncryption.NONE: 25}


@dataclass(frozen=True)
class MailAddress:
    """The address of a mail server, and the user that sends through it."""

    host: str
    port: int
    encryption: MailEncryption
    user: str | None
    password: SecretStr | None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse `smtps://user:password@host:port`, or with `smtp+starttls`; `smtp` is valid only for this machine.

        Raises:
            ValueError: names the part that is not valid; never quotes the password.
        """
        parts = _split(url, {*MailEncryption}, MAIL_URL_SHAPE)
        if parts.path not in {"", "/"}:
            raise ValueError(f"a path is not allowed; expected {MAIL_URL_SHAPE}")
        if bool(parts.username) != bool(parts.password):
            raise ValueError(f"the user or the password is missing; expected {MAIL_URL_SHAPE}")
        encryption, host = MailEncryption(parts.scheme), _host(parts)
        if encryption is MailEncryption.NONE and not is_loopback(host):
            raise ValueError(f"a server on another machine requires encryption; expected {MAIL_URL_SHAPE}")
        return cls(
            host,
            _port(parts, default=_MAIL_PORTS[encryption]),
            encryption,
            _text(unquote(parts.username)) if parts.username else None,
            SecretStr(_text(unquote(parts.password))) if parts.password else None,
        )

    @property
    def place(self) -> str:
        """`scheme://host:port`, which is safe to print."""
        return f"{self.encryption}://{self.host}:{self.port}"


def parse_place(text: str) -> tuple[str, int]:
    """Parse `host:port`; the host is returned in lower case.

    Raises:
        ValueError: the text is not a host and a port from 1 to 65535.
    """
    host, _, port = text.rpartition(":")
    if not _HOST.fullmatch(host) or ":" in host or not re.fullmatch("[1-9][0-9]{0,4}", port):
        raise ValueError("expected host:port, for example app:8000")
    if int(port) > _MAX_PORT:
        raise ValueError(f"port {port} is too large; expected 1 to {_MAX_PORT}")
    return host.lower(), int(port)


def is_loopback(host: str) -> bool:
    """Whether a host is `localhost` or a loopback address, without looking it up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(url: str, schemes: set[str], shape: str) -> SplitResult:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in schemes:
        raise ValueError(f"expected {shape}")
    if forbidden := sorted({character for character in "?#,\\" if character in rest}):
        raise ValueError(f"{' '.join(forbidden)} not allowed; expected {shape}")
    if not rest.isascii() or not rest.isprintable() or " " in rest:
        raise ValueError("white space, control characters and non-ASCII characters are not allowed")
    if rest.count("@") > 1 or "[" in rest.rpartition("@")[0]:
        raise ValueError(f"write @ and [ inside a password as %40 and %5B; expected {shape}")
    if not _BRACKETS.fullmatch(rest.rpartition("@")[2]):
        raise ValueError(f"[ and ] are allowed only around a whole host; expected {shape}")
    try:
        return urlsplit(f"{scheme}://{rest}")
    except ValueError:  # urlsplit's message may quote the part that holds the password
        raise ValueError(f"malformed; expected {shape}") from None


def _host(parts: SplitResult) -> str:
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise ValueError("the host is missing or malformed")
    return parts.hostname


def _port(parts: SplitResult, *, default: int) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("the port must be a number, 1 to 65535")
    return default if port is None else port


def _text(part: str) -> str:
    """Return an unquoted part, or refuse what no server accepts: NUL, line ends, invalid UTF-8."""
    if not part.isprintable() or "\N{REPLACEMENT CHARACTER}" in part:
        raise ValueError("user and password must be printable UTF-8")
    return part
