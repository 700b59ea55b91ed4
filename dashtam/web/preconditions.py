"""ETag, If-Match and If-None-Match: nothing is sent twice in vain, and no change overwrites one that was not seen."""

from http import HTTPStatus
from typing import Final

from quart import Response, request

from dashtam.database.versions import Precondition, version_of
from dashtam.web.errors import PreconditionRequired
from dashtam.web.traits import Header, Trait

_TAG: Final = {"type": "string", "pattern": '^(W/)?"[!#-~]*"$'}
_ETAG: Final = Header("ETag", "The version of this answer (RFC 9110, 8.8.3).", _TAG, is_required=True)

CACHEABLE: Final = Trait(
    reads=(
        Header(
            "If-None-Match", "Versions that the client has; 304 where one is current.", {"type": "string"}
        ),
    ),
    sends=(_ETAG,),
    answers=((HTTPStatus.NOT_MODIFIED, "The client has the current version."),),
)
"""Of an endpoint that answers with `respond_unless_known`."""

VERSIONED: Final = Trait(sends=(_ETAG,))
"""Of an endpoint whose answers `put_version` marks."""

CONDITIONAL: Final = Trait(
    reads=(
        Header(
            "If-Match", "The ETag that was read, or * for any (RFC 9110, 13.1.1).", {"type": "string"}, True
        ),
    ),
    sends=(_ETAG,),
    fails=(HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED),
)
"""Of an endpoint that changes what `read_precondition` allows."""


def read_precondition() -> Precondition:
    """Read which versions the current request is willing to change; weak tags match nothing (RFC 9110, 13.1.1).

    Raises:
        PreconditionRequired: 428, the request does not say.
    """
    if "If-Match" not in request.headers:
        raise PreconditionRequired("no If-Match")
    tags = request.if_match
    if tags.star_tag:
        return Precondition(None)
    # An empty tag, which no version of ours is, is None to Werkzeug.
    return Precondition(frozenset(tag for tag in tags.as_set(include_weak=False) if tag))


def put_version(response: Response, version: str) -> Response:
    """Mark an answer with the version of what it shows."""
    response.headers["ETag"] = f'"{version}"'
    return response


def respond_unless_known(body: bytes) -> Response:
    """Answer the current GET with JSON, or with 304 where the client has exactly that already.

    A cache may keep it, and asks again before each use.
    """
    version = version_of(body)
    if request.if_none_match.contains_weak(version):
        response = Response(b"", HTTPStatus.NOT_MODIFIED)
        del response.headers["Content-Type"]
        del response.headers["Content-Length"]
    else:
        response = Response(body, content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    return put_version(response, version)
