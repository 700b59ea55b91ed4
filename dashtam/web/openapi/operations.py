"""Completes the operations of the OpenAPI document: every status, header and need that quart-schema does not know."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from dashtam.web.cookies import COOKIE, HEADER
from dashtam.web.problem_schema import Problem
from dashtam.web.problems import CONTENT_TYPE, describe_status
from dashtam.web.traits import Header, Trait

CREDENTIALS: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The access token of a program, or a personal access token.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"Of a browser that signed in; what changes something needs the header {HEADER} as well.",
    },
}
"""The security schemes; whatever needs one takes each."""
_FAILED: Final = 400
_PROBLEM: Final = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_DONE: Final = {HTTPStatus.NO_CONTENT: {"description": "It is done, and there is nothing to say."}}
_TRACE: Final = Header(
    "X-Trace-Id",
    "Finds this request in the logs (W3C Trace Context, 3.2.2.3).",
    {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    is_required=True,
)
# The edge refuses so whatever is asked, and any handler may fail.
_ALWAYS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.REQUEST_URI_TOO_LONG,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_WITH_BODY: Final = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
_HEADERS: Final = {
    HTTPStatus.UNAUTHORIZED: Header(
        "WWW-Authenticate", "How to sign in.", {"type": "string"}, is_required=True
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Header(
        "Accept", "What is taken.", {"type": "string"}, is_required=True
    ),
    HTTPStatus.TOO_MANY_REQUESTS: Header("Retry-After", "Seconds.", {"type": "string"}, is_required=True),
}
_FAILURES: Final = sorted(
    {
        *(*_ALWAYS, *_WITH_BODY, *_HEADERS),
        *(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY),
        *(HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED),
    }
)


def complete(operation: dict[str, Any], traits: Sequence[Trait], *, is_public: bool) -> None:
    """Write into an operation what its route, its traits and the edge add to it."""
    parameters = [
        *operation["parameters"],
        *(_parameter(header) for trait in traits for header in trait.reads),
    ]
    operation["parameters"] = parameters
    operation["security"] = [] if is_public else [{name: []} for name in CREDENTIALS]
    if "requestBody" in operation:
        operation["requestBody"] = {**operation["requestBody"], "required": True}
    failures = _failures(operation, traits, is_public=is_public)
    sent = [header for trait in traits for header in trait.sends]
    bare = {status: {"description": meaning} for trait in traits for status, meaning in trait.answers}
    answers = {
        str(int(status)): _answer(response, [_TRACE, *sent]) if status < _FAILED else _failed_answer(response)
        for status, response in ((operation["responses"] | bare) or _DONE).items()
    }
    refusals = {str(int(status)): {"$ref": _reference(status)} for status in failures}
    operation["responses"] = dict(sorted({**refusals, **answers}.items()))


def _failures(operation: dict[str, Any], traits: Iterable[Trait], *, is_public: bool) -> list[HTTPStatus]:
    has_path = any(parameter["in"] == "path" for parameter in operation["parameters"])
    return [
        *_ALWAYS,
        *(_WITH_BODY if "requestBody" in operation else ()),
        *(() if is_public else (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)),
        *((HTTPStatus.NOT_FOUND,) if has_path else ()),
        *(status for trait in traits for status in trait.fails),
    ]


def _parameter(header: Header) -> dict[str, Any]:
    return {"name": header.name, "in": "header", **header.document()}


def _answer(response: dict[str, Any], headers: Iterable[Header]) -> dict[str, Any]:
    return {**response, "headers": {header.name: header.document() for header in headers}}


def _failed_answer(response: dict[str, Any]) -> dict[str, Any]:
    """A failure with a body of its own; the edge may answer with the same status."""
    return _answer({**response, "content": response["content"] | _PROBLEM}, [_TRACE])


def _reference(status: HTTPStatus) -> str:
    return f"#/components/responses/{status.name}"


def problem_responses() -> dict[str, Any]:
    """Every failure that an operation may refer to."""
    return {status.name: _failure(status) for status in _FAILURES}


def _failure(status: HTTPStatus) -> dict[str, Any]:
    headers = [_TRACE, *([_HEADERS[status]] if status in _HEADERS else [])]
    return _answer({"description": describe_status(status), "content": _PROBLEM}, headers)


def problem_schemas() -> dict[str, Any]:
    """The shape of a failure, and of its parts."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {**schema.pop("$defs"), "Problem": schema}
