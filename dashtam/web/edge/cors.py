"""Cross-origin sharing (the Fetch standard, "CORS protocol"): which pages of other origins may read our answers.

Off unless origins are named. Credentials are never shared: a page sends its token in the header Authorization, and a
cookie of ours is of no use to it.
"""

from collections.abc import Iterable, Set
from http import HTTPStatus
from typing import Final

Headers = list[tuple[bytes, bytes]]

_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_SENT: Final = b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Traceparent"
_READ: Final = (
    b"ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
    b"WWW-Authenticate, X-Trace-Id"
)
_MAX_AGE: Final = b"600"
PREFLIGHT_STATUS: Final = HTTPStatus.NO_CONTENT


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
