"""Errors of outgoing calls: no response arrived, or the response is not valid JSON."""

from enum import StrEnum
from http import HTTPStatus
from typing import ClassVar

from dashtam.errors import DashtamError


class Cause(StrEnum):
    """Why a call has no response; the value is the code that is stored and audited."""

    REFUSED = "address_refused"
    """The policy forbids this address. Nothing was sent."""
    UNREACHABLE = "unreachable"
    """No connection was established. Nothing was sent."""
    UNTRUSTED = "untrusted"
    """The server's certificate does not verify. Nothing was sent."""
    LOST = "answer_lost"
    """No complete response arrived in time. The server may have processed the request."""
    TOO_LARGE = "too_large"
    """The response was too large, or compressed. The server has processed the request."""
    REDIRECTED = "redirected"
    """The response redirects to a place that this call must not follow."""


class CallFailed(DashtamError):
    """A required external service does not respond as expected."""

    status: ClassVar[HTTPStatus] = HTTPStatus.SERVICE_UNAVAILABLE
    code: ClassVar[str] = "call_failed"

    def __init__(self, message: str, *, cause: Cause) -> None:
        self.cause = cause
        super().__init__(message)


class InvalidResponse(ValueError):
    """A response is not valid JSON; the message describes what was seen and never quotes it."""
