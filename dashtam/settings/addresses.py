"""Where a database, a cache or a mail server is, read strictly from a URL into discrete parts."""

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
# What stands before [ and behind ] is passed over by urlsplit, and by nobody else.
_BRACKETS: Final = re.compile(r"(\[[^\[\]]*\]|[^\[\]:/]*)(:[^\[\]/]*)?(/[^\[\]]*)?")
_CACHE_INDEXES: Final = 16
_MAX_PORT: Final = 65_535


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
        Tortoise were compared), so none of them is taken. With `plain`, percent escapes are refused as well, and any
        user but a simple one: Tortoise escapes the others for itself.

        Raises:
            ValueError: says which part was not understood; never quotes the password.
        """
        parts = _split(url, _DATABASE_SCHEMES, DATABASE_URL_SHAPE)
        if plain and "%" in url:
            raise ValueError("percent escapes are not allowed in the address of a test database")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not user or not password:
            raise ValueError(f"user or password missing; expected {DATABASE_URL_SHAPE}")
        if plain and not _IDENTIFIER.fullmatch(user):
            raise ValueError(
                "the user of a test database must be lower-case letters, digits and _, at most 63"
            )
        name = parts.path.removeprefix("/")
        if not _IDENTIFIER.fullmatch(unquote(name)):
            raise ValueError("the database name must be lower-case letters, digits and _, at most 63")
        return cls(
            _host(parts), _port(parts, default=5432), unquote(name), _text(user), SecretStr(_text(password))
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
    user: str | None = None
    """None for Redis' own default user."""
    is_encrypted: bool = False

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `redis://user:password@host:port/index` (`rediss` for TLS); the index must be written out.

        Without a user (`redis://:password@...`) it is Redis' own default user.

        Raises:
            ValueError: says which part was not understood; never quotes the password.
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
    """How the connection to a mail server is encrypted, spelt as the scheme of its URL."""

    IMPLICIT = "smtps"
    """TLS from the first byte (RFC 8314)."""
    STARTTLS = "smtp+starttls"
    """TLS after a command, without which nothing is sent (RFC 3207)."""
    NONE = "smtp"
    """None at all, on this machine alone."""


_MAIL_PORTS: Final = {MailEncryption.IMPLICIT: 465, MailEncryption.STARTTLS: 587, MailEncryption.NONE: 25}


@dataclass(frozen=True)
class MailAddress:
    """Where a mail server is, and who sends through it."""

    host: str
    port: int
    encryption: MailEncryption
    user: str | None
    password: SecretStr | None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `smtps://user:password@host:port`, or with `smtp+starttls`; `smtp` is taken on this machine alone.

        Raises:
            ValueError: says which part was not understood; never quotes the password.
        """
        parts = _split(url, {*MailEncryption}, MAIL_URL_SHAPE)
        if parts.path not in {"", "/"}:
            raise ValueError(f"nothing stands behind host and port; expected {MAIL_URL_SHAPE}")
        if bool(parts.username) != bool(parts.password):
            raise ValueError(f"user and password belong together; expected {MAIL_URL_SHAPE}")
        encryption, host = MailEncryption(parts.scheme), _host(parts)
        if encryption is MailEncryption.NONE and not is_loopback(host):
            raise ValueError(f"mail may leave this machine encrypted alone; expected {MAIL_URL_SHAPE}")
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
    """Read `host:port`.

    Raises:
        ValueError: it is anything else.
    """
    host, _, port = text.rpartition(":")
    if not _HOST.fullmatch(host) or ":" in host or not re.fullmatch("[1-9][0-9]{0,4}", port):
        raise ValueError("expected host:port, as app:8000")
    if int(port) > _MAX_PORT:
        raise ValueError(f"port {port} is too large; expected 1 to {_MAX_PORT}")
    return host.lower(), int(port)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(url: str, schemes: set[str], shape: str) -> SplitResult:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in schemes:
        raise ValueError(f"expected {shape}")
    if forbidden := sorted({sign for sign in "?#,\\" if sign in rest}):
        raise ValueError(f"{' '.join(forbidden)} not allowed; expected {shape}")
    if not rest.isascii() or not rest.isprintable() or " " in rest:
        raise ValueError("white space, control characters and letters beyond ASCII are not allowed")
    if rest.count("@") > 1 or "[" in rest.rpartition("@")[0]:
        raise ValueError(f"write @ and [ inside a password as %40 and %5B; expected {shape}")
    if not _BRACKETS.fullmatch(rest.rpartition("@")[2]):
        raise ValueError(f"[ and ] stand around the whole of a host, or nowhere; expected {shape}")
    try:
        return urlsplit(f"{scheme}://{rest}")
    except ValueError:  # the message of urlsplit may quote the part that holds the password
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
    """Refuse what percent escapes can smuggle in and no server takes: NUL, line ends, broken UTF-8."""
    if not part.isprintable() or "\N{REPLACEMENT CHARACTER}" in part:
        raise ValueError("user and password must be printable UTF-8")
    return part
