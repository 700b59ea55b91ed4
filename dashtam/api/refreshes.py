"""/api/v1/connections/{id}/refreshes: makes sure that a connection has a valid token."""

from http import HTTPStatus
from uuid import UUID

from quart import Blueprint, Response
from quart_schema import document_response, tag

from dashtam.api.auth import current_identity
from dashtam.api.conditions import VERSIONED
from dashtam.api.connections import shown
from dashtam.api.schemas.connections import ConnectionEntry
from dashtam.api.traits import Trait, promise
from dashtam.audited import audits
from dashtam.callers import current_caller
from dashtam.current import current_linking, current_resources

blueprint = Blueprint("refreshes", __name__, url_prefix="/api/v1/connections/<uuid:connection_id>/refreshes")

_FAILS = Trait(fails=(HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE))


@blueprint.post("")
@document_response(ConnectionEntry)
@promise(VERSIONED, _FAILS)
@tag(["connections"])
@audits(
    "connection.checked",
    "token.refreshed",
    "token.discarded",
    "connection.expired",
    "connection.failed",
    "connection.recovered",
)
async def refresh(connection_id: UUID) -> Response:
    """Make sure that one of your connections has a valid token: it is refreshed if it is due, and else left alone.

    409: you have to connect it again. 502 and 503: the provider fails, and Dashtam keeps trying.
    """
    user_id = current_identity().user_id
    await current_resources().refreshes.ensure(connection_id, user_id=user_id, caller=current_caller())
    return shown(await current_linking().connections.get(user_id, connection_id))
