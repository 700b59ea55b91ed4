"""Errors of requests that no domain owns."""

from http import HTTPStatus
from types import MappingProxyType

from dashtam.errors import DashtamError


class UndeclaredRoute(DashtamError):
    """A route does not say what it writes to the audit trail."""

    code = "route_undeclared"


class CrossOrigin(DashtamError):
    """A browser sends this from the pages of Dashtam alone, with the header X-Dashtam-Request."""

    status = HTTPStatus.FORBIDDEN
    code = "cross_origin"


class MalformedBody(DashtamError):
    """The body of the request is not JSON."""

    status = HTTPStatus.BAD_REQUEST
    code = "malformed_body"


class UnsupportedBody(DashtamError):
    """The body of the request has to be JSON, sent as Content-Type: application/json and without Content-Encoding."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"
    headers = MappingProxyType(
        {"Accept": "application/json", "Accept-Encoding": "identity"}
    )  # RFC 9110, 15.5.16


class KeyInUse(DashtamError):
    """A request with this Idempotency-Key is being answered; ask again in a moment."""

    status = HTTPStatus.CONFLICT
    code = "idempotency_key_in_use"
    headers = MappingProxyType({"Retry-After": "1"})


class KeyReused(DashtamError):
    """This Idempotency-Key came before with another request; a new request needs a new key."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reused"


class PreconditionRequired(DashtamError):
    """Send the ETag that was read as If-Match, so that no change is overwritten unseen."""

    status = HTTPStatus.PRECONDITION_REQUIRED
    code = "precondition_required"
