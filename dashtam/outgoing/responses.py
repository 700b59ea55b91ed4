"""What came back, and how it is read: JSON by the letter of RFC 8259, and no sooner."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn

from dashtam.outgoing.errors import InvalidResponse

LONGEST_WAIT: Final = timedelta(days=1)
"""However long somebody wants to be left alone, we ask again after this."""
_MAX_DIGITS: Final = 100


@dataclass(frozen=True)
class Response:
    """An HTTP answer, read whole; neither body nor headers show in its repr."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    began_at: datetime
    """When the call began, by our clock: what an answer says of time counts from here."""

    @property
    def is_ok(self) -> bool:
        """Whether it was done (2xx)."""
        return 200 <= self.status < 300

    @property
    def is_redirect(self) -> bool:
        """Whether it leads elsewhere (3xx)."""
        return 300 <= self.status < 400

    @property
    def retry_after(self) -> timedelta | None:
        """How long the other side wants to be left alone: seconds or a date (RFC 9110, 10.2.3), a day at most."""
        return parse_retry_after(self.headers.get("retry-after"), now=datetime.now(UTC))

    def json(self) -> Any:  # noqa: ANN401 - whatever JSON can say
        """Read the body as JSON; numbers with a point are Decimal.

        Raises:
            InvalidResponse: it is no UTF-8, no JSON, too deep, or names a member twice.
        """
        return parse_json(self.body)

    def json_object(self) -> dict[str, Any]:
        """Read the body as one JSON object.

        Raises:
            InvalidResponse: as for `json`, or it is something else.
        """
        read = self.json()
        if not isinstance(read, dict):
            raise InvalidResponse(f"a JSON {type(read).__name__}; expected an object")
        return read


def parse_json(body: bytes) -> Any:  # noqa: ANN401
    """Read JSON strictly: what two readers would read in two ways is refused.

    Raises:
        InvalidResponse: it is no UTF-8, no JSON, too deep, holds NaN or an endless number, or names a member twice.
    """
    try:
        return json.loads(
            body.decode("utf-8"),
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        raise InvalidResponse(f"{len(body)} bytes that are no UTF-8; expected JSON") from None
    except json.JSONDecodeError as error:
        raise InvalidResponse(
            f"{len(body)} bytes that are no JSON (at {error.pos}); expected an object"
        ) from None
    except RecursionError:
        raise InvalidResponse("JSON deeper than anybody nests; expected an object") from None


def parse_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Read a Retry-After; None where there is none, or nobody understands it."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return min(max(instant - now, timedelta(0)), LONGEST_WAIT)


def _decimal(text: str) -> Decimal:
    if len(text) > _MAX_DIGITS:
        raise InvalidResponse(f"a number of {len(text)} signs")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise InvalidResponse(f"a number of {len(text)} digits")
    return int(text)


def _constant(name: str) -> NoReturn:
    raise InvalidResponse(f"{name}, which JSON has not")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidResponse("a member is named twice")
    return found
