"""GET /callback/<provider_key>: receives a provider's redirect and redirects to a page without secrets in its URL."""

import re
from http import HTTPStatus
from typing import Final

from quart import Blueprint, Quart, Response, abort, request
from werkzeug.exceptions import HTTPException

from dashtam.callback import pages
from dashtam.callback.redirect import read_redirect
from dashtam.connections.browsers import opener_cookie, read_browser
from dashtam.errors import DashtamError
from dashtam.logs.pipeline import get_logger
from dashtam.sealing.errors import SealError
from dashtam.web.audits import audits, not_audited
from dashtam.web.callers import current_caller
from dashtam.web.current import current_resources

_PROVIDER_KEY: Final = re.compile(r"[a-z0-9_-]{1,64}")
_log = get_logger(__name__)

blueprint = Blueprint("callback", __name__)


@blueprint.get("/callback/<provider_key>")
@audits("authorization.refused", "authorization.completed", "connection.activated", "token.replaced")
async def receive(provider_key: str) -> Response:
    """Process a provider's redirect; the response says how it ended and repeats none of its parameters."""
    if not _PROVIDER_KEY.fullmatch(provider_key):
        abort(HTTPStatus.NOT_FOUND)
    ending = await current_resources().connections.callbacks.take(
        provider_key=provider_key,
        answer=read_redirect(request.query_string),
        browser=read_browser(request.cookies),
        caller=current_caller(),
    )
    if ending.failure is None:
        response = Response(b"", HTTPStatus.SEE_OTHER, {"Location": f"/connected{ending.return_path}"})
    else:
        response = pages.respond_failed(ending.failure)
    response.delete_cookie(
        opener_cookie(ending.request_id), path="/", secure=True, httponly=True, samesite="Lax"
    )
    return response


@blueprint.get("/connected")
@blueprint.get("/connected/<path:back>", endpoint="connected_back")
@not_audited("says the same to everyone")
async def connected(back: str | None = None) -> Response:
    """Confirm the connection, with a link to `back` if that is one of RETURN_PATHS; otherwise return 404."""
    settings = current_resources().settings
    if back is None:
        return pages.respond_connected(None)
    if f"/{back}" not in settings.return_paths:
        abort(HTTPStatus.NOT_FOUND)
    return pages.respond_connected(f"{settings.APP_URL}/{back}")


def register(app: Quart) -> None:
    """Register the callback routes, and a small page for every error of the application."""
    app.register_blueprint(blueprint)
    app.register_error_handler(DashtamError, _known)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _unexpected)


async def _known(error: DashtamError) -> Response:
    _log.info("callback refused", code=error.code, reason=str(error))
    # A missing key is a temporary failure: it returns when the operator restores the settings.
    is_temporary = isinstance(error, SealError)
    return pages.respond(HTTPStatus.SERVICE_UNAVAILABLE if is_temporary else error.status)


async def _of_http(error: HTTPException) -> Response:
    return pages.respond(HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR))


async def _unexpected(error: Exception) -> Response:
    _log.error("unexpected failure", exc_info=error)
    return pages.respond(HTTPStatus.SERVICE_UNAVAILABLE)
