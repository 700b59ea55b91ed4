"""Failures as application/problem+json (RFC 9457): what went wrong for the client, and a trace id for the operator."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

from pydantic import ValidationError
from quart import Quart, Response
from quart_schema import RequestSchemaValidationError
from werkzeug.exceptions import HTTPException

from dashtam.database.errors import DatabaseNotReady
from dashtam.errors import DashtamError, InvalidRequest
from dashtam.logs.pipeline import get_logger
from dashtam.web.edge.edge import current_trace_id
from dashtam.web.invalid_parts import wrong_parts
from dashtam.web.problem_schema import InvalidPart, Problem

CONTENT_TYPE: Final = "application/problem+json"
_log = get_logger(__name__)
# What http.HTTPStatus says in a word only, or in words that are no help.
_DETAILS: Final = {
    HTTPStatus.NOT_FOUND: "There is nothing here for you.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path does not take that method; the header Allow lists those that it takes.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body of the request is too large.",
    HTTPStatus.MISDIRECTED_REQUEST: "This server does not answer for that host.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The request took too long, or something that it needs is away; try again.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on our side.",
}
# Python 3.13 took the titles of RFC 9110; before it http.HTTPStatus has those of older standards.
_TITLES: Final = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.REQUEST_URI_TOO_LONG: "URI Too Long",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "Range Not Satisfiable",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}


def problem(
    status: HTTPStatus, *, code: str = "", detail: str = "", parts: Sequence[InvalidPart] | None = None
) -> bytes:
    """Build the body of a failure; it names the trace of the current request."""
    title = _TITLES.get(status, status.phrase)
    code = code or title.lower().replace(" ", "_").replace("-", "_")
    body = Problem(
        type=f"urn:dashtam:problem:{code}",
        title=title,
        status=status,
        detail=detail or describe_status(status),
        code=code,
        trace_id=current_trace_id(),
        errors=None if parts is None else list(parts),
    )
    return body.model_dump_json(exclude_none=True).encode()


def describe_status(status: HTTPStatus) -> str:
    """Say in a sentence what a status means here."""
    return _DETAILS.get(status, status.description or status.phrase)


def refusal(status: HTTPStatus) -> tuple[str, bytes]:
    """Content type and body with which the edge refuses."""
    return CONTENT_TYPE, problem(status)


def register(app: Quart, *, describe: Callable[[Exception], str] | None) -> None:
    """Answer every failure of an application with a problem.

    `describe` is what a developer may read of an unexpected failure; None: nothing.
    """
    app.register_error_handler(DashtamError, _known)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(RequestSchemaValidationError, _malformed)
    app.register_error_handler(ConnectionError, _away)

    async def unexpected(error: Exception) -> Response:
        _log.error("unexpected failure", exc_info=error)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return _response(status, problem(status, detail=describe(error) if describe else ""))

    app.register_error_handler(Exception, unexpected)


async def _known(error: DashtamError) -> Response:
    log = _log.error if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else _log.info
    log("request refused", code=error.code, reason=str(error))
    parts = [InvalidPart(name=name, message=wrong) for name, wrong in error.parts] or None
    response = _response(
        error.status, problem(error.status, code=error.code, detail=error.sentence, parts=parts)
    )
    response.headers.update(error.headers)
    return response


async def _away(error: ConnectionError) -> Response:
    """Answer for a database that cannot be reached; Tortoise's own error is a ConnectionError too."""
    return await _known(DatabaseNotReady(f"{type(error).__name__}: {error}"))


async def _of_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    response = _response(status, problem(status))
    # Allow and Retry-After belong to the answer; everything else is the edge's business.
    kept = {"allow", "retry-after"}
    response.headers.extend([header for header in error.get_headers() if header[0].lower() in kept])
    return response


async def _malformed(error: RequestSchemaValidationError) -> Response:
    cause = error.validation_error
    parts = None
    if isinstance(cause, ValidationError):
        parts = [InvalidPart(name=name, message=wrong) for name, wrong in wrong_parts(cause)]
    status, code = InvalidRequest.status, InvalidRequest.code
    return _response(status, problem(status, code=code, detail=InvalidRequest.__doc__ or "", parts=parts))


def _response(status: HTTPStatus, body: bytes) -> Response:
    return Response(body, status, content_type=CONTENT_TYPE)
