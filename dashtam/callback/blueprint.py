"""GET /callback/<provider_key>: the provider's redirect lands here."""

import re
from http import HTTPStatus
from typing import Final

from quart import Blueprint, Quart, Response, abort, current_app, request
from werkzeug.exceptions import HTTPException

from dashtam.callback import pages
from dashtam.errors import DashtamError
from dashtam.logs import get_logger
from dashtam.resources import held_by
from dashtam.services import authorizations

_PROVIDER_KEY: Final = re.compile(r"[a-z0-9_-]{1,64}")
_log = get_logger(__name__)

blueprint = Blueprint("callback", __name__, url_prefix="/callback")


@blueprint.get("/<provider_key>")
async def receive(provider_key: str) -> Response:
    """Take a provider's answer; the page says how it ended and repeats nothing of it."""
    if not _PROVIDER_KEY.fullmatch(provider_key):
        abort(HTTPStatus.NOT_FOUND)
    await authorizations.refuse_answer(
        provider_key=provider_key,
        ip=(request.scope.get("client") or ("unknown",))[0],
        user_agent=request.headers.get("User-Agent"),
        cache=held_by(current_app).cache,
    )


def register(app: Quart) -> None:
    """Serve the callback path, and answer every failure of the application with a small page."""
    app.register_blueprint(blueprint)
    app.register_error_handler(DashtamError, _known)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _unexpected)


async def _known(error: DashtamError) -> Response:
    _log.info("callback refused", code=error.code, reason=str(error))
    return pages.respond(error.status)


async def _of_http(error: HTTPException) -> Response:
    return pages.respond(HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR))


async def _unexpected(error: Exception) -> Response:
    _log.error("unexpected failure", exc_info=error)
    return pages.respond(HTTPStatus.SERVICE_UNAVAILABLE)
