"""Errors of the database and of optimistic locking."""

from http import HTTPStatus

from dashtam.errors import DashtamError


class DatabaseNotReady(DashtamError):
    """The database does not answer as it should."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "database_not_ready"


class PreconditionFailed(DashtamError):
    """This has changed since it was read; read it again, and send its new ETag as If-Match."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition_failed"
