"""How a call can fail before there is an answer to read, and an answer before there is a sense in it."""

from enum import StrEnum
from http import HTTPStatus
from typing import ClassVar

from dashtam.errors import DashtamError


class Cause(StrEnum):
    """Why a call has no answer."""

    REFUSED = "address_refused"
    """We do not call such an address. Nothing was sent."""
    UNREACHABLE = "unreachable"
    """Nobody took the connection. Nothing was sent."""
    UNTRUSTED = "untrusted"
    """Whoever answers cannot prove to be who was called. Nothing was sent."""
    LOST = "answer_lost"
    """No whole answer came in time: the other side may have done what it was asked, or not."""
    TOO_LARGE = "too_large"
    """The answer was cut. The other side has done what it was asked."""
    REDIRECTED = "redirected"
    """The answer leads elsewhere, where this call must not follow."""


class CallFailed(DashtamError):
    """A service that this needs does not answer as it should."""

    status: ClassVar[HTTPStatus] = HTTPStatus.SERVICE_UNAVAILABLE
    code: ClassVar[str] = "call_failed"

    def __init__(self, message: str, *, cause: Cause) -> None:
        self.cause = cause
        super().__init__(message)


class InvalidResponse(ValueError):
    """An answer is not the JSON that it should be; says what was seen and never quotes it."""
