"""Cross-origin sharing (the Fetch standard, "CORS protocol"): which pages of other origins may read our answers.

Off unless origins are named. Credentials are never shared: a page sends its token in the header Authorization, and a
cookie of ours is of no use to it.
"""

from collections.abc import Iterable, Mapping, Set
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

Headers = list[tuple[bytes, bytes]]

_DEFAULT_PORTS: Final[Mapping[str, int]] = {"https": 443, "http": 80}
_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_SENT: Final = b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Traceparent"
_READ: Final = (
    b"ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
    b"WWW-Authenticate, X-Trace-Id"
)
_MAX_AGE: Final = b"600"
PREFLIGHT_STATUS: Final = HTTPStatus.NO_CONTENT


def parse_origins(text: str) -> frozenset[str]:
    """Read comma-separated origins, each as a browser writes it: `https://host` or `https://host:port`.

    Raises:
        ValueError: one is no such origin; `*` and `null` are none.
    """
    origins = frozenset(part.strip() for part in text.split(",") if part.strip())
    if wrong := sorted(origin for origin in origins if not _is_origin(origin)):
        raise ValueError(
            f"{wrong[0][:80]!r} is no origin; expected https://host or https://host:port, in lower case, "
            "without a path and without the default port"
        )
    return origins


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in _DEFAULT_PORTS or not host.isascii() or not host.strip("*."):
        return False
    shown = f"[{host}]" if ":" in host else host
    plain = f"{parts.scheme}://{shown}" if port is None else f"{parts.scheme}://{shown}:{port}"
    return text == plain and "*" not in host and port != _DEFAULT_PORTS[parts.scheme]


def answer_headers(origins: Set[str], headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """What an answer says of sharing; a cache must tell origins apart as soon as any is named."""
    if not origins:
        return []
    vary = (b"vary", b"Origin")
    if (origin := _one(headers, b"origin")) is None or origin.decode("latin1") not in origins:
        return [vary]
    return [vary, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", _READ)]


def preflight_headers(
    origins: Set[str], method: str, headers: Iterable[tuple[bytes, bytes]]
) -> Headers | None:
    """What a preflight from an origin that is named is allowed; None: this is no such preflight."""
    given = list(headers)
    origin = _one(given, b"origin")
    asked = _one(given, b"access-control-request-method")
    if method != "OPTIONS" or asked is None or origin is None or origin.decode("latin1") not in origins:
        return None
    return [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _SENT),
        (b"access-control-max-age", _MAX_AGE),
    ]


def _one(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    given = [value for key, value in headers if key == name]
    return given[0] if len(given) == 1 else None
