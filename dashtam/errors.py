"""The base of every error that Dashtam raises on purpose, and the few that no domain owns.

The others are in the `errors` module of the package that raises them. The docstring of a class is the sentence that a
client reads. The parts of an instance name what was wrong in the request and never repeat what was sent. The message of
an instance is for the operator and goes to the logs only.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import ClassVar


class DashtamError(Exception):
    """Something went wrong on our side."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal_error"
    exit_code: ClassVar[int] = 1
    """How a command ends that fails with it: 1, or 3 where a safety check refused."""
    headers: Mapping[str, str] = MappingProxyType({})
    """What an HTTP answer says beside its body."""

    def __init__(self, message: str = "", *, parts: Sequence[tuple[str, str]] = ()) -> None:
        self.parts = tuple(parts)
        """Name of a part of the request, and what was wrong with it."""
        super().__init__(message or "; ".join(f"{name}: {wrong}" for name, wrong in parts))

    @property
    def sentence(self) -> str:
        """What a client may read."""
        return type(self).__doc__ or ""


class CacheNotReady(DashtamError):
    """The cache does not answer as it should."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "cache_not_ready"


class NotAuthenticated(DashtamError):
    """This needs a signed-in user."""

    status = HTTPStatus.UNAUTHORIZED
    code = "not_authenticated"

    def __init__(self, message: str, *, challenge: str = 'Bearer realm="dashtam"') -> None:
        self.headers = {"WWW-Authenticate": challenge}
        super().__init__(message)


class NotAllowed(DashtamError):
    """You may not do this."""

    status = HTTPStatus.FORBIDDEN
    code = "not_allowed"

    def __init__(self, message: str, *, challenge: str | None = None) -> None:
        if challenge is not None:
            self.headers = {"WWW-Authenticate": challenge}
        super().__init__(message)


class NotFound(DashtamError):
    """There is nothing here for you."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class InvalidRequest(DashtamError):
    """The request cannot be understood."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class InvalidBody(DashtamError):
    """The body of the request does not hold what is expected."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_body"


class TooManyRequests(DashtamError):
    """Too many requests; try again in a minute."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_requests"

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.headers = {"Retry-After": "60", **(headers or {})}
        super().__init__(message)
