"""Errors of connecting providers."""

from http import HTTPStatus

from dashtam.errors import DashtamError


class AuthorizationNotPending(DashtamError):
    """No authorization request is waiting for this answer."""

    status = HTTPStatus.BAD_REQUEST
    code = "authorization_not_pending"


class AliasTaken(DashtamError):
    """You have a connection of this alias already."""

    status = HTTPStatus.CONFLICT
    code = "alias_taken"


class TooManyConnections(DashtamError):
    """You have too many connections."""

    status = HTTPStatus.CONFLICT
    code = "too_many_connections"

    def __init__(self, reason: str) -> None:
        self._reason = reason
        super().__init__(reason)

    @property
    def sentence(self) -> str:
        """What was counted, what is allowed, and what to do."""
        return f"{super().sentence} {self._reason}"
