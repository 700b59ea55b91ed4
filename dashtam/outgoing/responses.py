"""The response of an outgoing call; its body is parsed on request, as strict JSON (RFC 8259)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn

from dashtam.outgoing.errors import InvalidResponse

LONGEST_WAIT: Final = timedelta(days=1)
"""The maximum time that a Retry-After delays the next call."""
_MAX_DIGITS: Final = 100


@dataclass(frozen=True)
class Response:
    """A complete HTTP response; body and headers are not in the repr."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    began_at: datetime
    """When the call began, by our clock; lifetimes in a response count from this instant."""

    @property
    def is_ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def is_redirect(self) -> bool:
        """Whether the status is 3xx."""
        return 300 <= self.status < 400

    @property
    def retry_after(self) -> timedelta | None:
        """The wait that Retry-After requests, in seconds or as a date (RFC 9110, 10.2.3); at most one day."""
        return parse_retry_after(self.headers.get("retry-after"), now=datetime.now(UTC))

    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """Parse the body as JSON; numbers with a fraction become Decimal.

        Raises:
            InvalidResponse: see `parse_json`.
        """
        return parse_json(self.body)

    def json_object(self) -> dict[str, Any]:
        """Parse the body as one JSON object.

        Raises:
            InvalidResponse: see `parse_json`, or the value is not an object.
        """
        read = self.json()
        if not isinstance(read, dict):
            raise InvalidResponse(f"a JSON {type(read).__name__}; expected an object")
        return read


def parse_json(body: bytes) -> Any:  # noqa: ANN401
    """Parse JSON strictly; ambiguous documents are refused.

    Raises:
        InvalidResponse: the body is not UTF-8 or not JSON, or is nested too deeply. Or it holds NaN, Infinity, a number
            of more than 100 characters, or a repeated member.
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
        raise InvalidResponse(f"{len(body)} bytes that are not UTF-8; expected JSON") from None
    except json.JSONDecodeError as error:
        raise InvalidResponse(
            f"{len(body)} bytes that are not JSON (at {error.pos}); expected an object"
        ) from None
    except RecursionError:
        raise InvalidResponse("JSON that is nested too deeply; expected an object") from None


def parse_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Parse a Retry-After (RFC 9110, 10.2.3); None if it is absent or malformed."""
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
        raise InvalidResponse(f"a number of {len(text)} characters; expected at most {_MAX_DIGITS}")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise InvalidResponse(f"a number of {len(text)} digits; expected at most {_MAX_DIGITS}")
    return int(text)


def _constant(name: str) -> NoReturn:
    raise InvalidResponse(f"{name}, which is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidResponse("an object with a repeated member")
    return found
