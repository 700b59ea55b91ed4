"""/api/v1/connections: a user's links with providers, from the first question to the end."""

from functools import wraps
from http import HTTPStatus
from uuid import UUID

from quart import Blueprint, Response
from quart_schema import document_querystring, document_request, document_response, tag

from dashtam.api.schemas.connections import (
    Connecting,
    ConnectionBegun,
    ConnectionEntry,
    ConnectionList,
    ConnectionQuery,
    Naming,
    Reconnecting,
)
from dashtam.connections.advice import advise
from dashtam.connections.authorizations import Asker, Link
from dashtam.connections.lifecycle import Standing
from dashtam.errors import InvalidBody
from dashtam.web import limits
from dashtam.web.audits import audits, not_audited
from dashtam.web.auth import current_identity
from dashtam.web.body import read_body, respond
from dashtam.web.callers import current_caller
from dashtam.web.current import current_resources
from dashtam.web.idempotency import Endpoint, idempotent
from dashtam.web.paging import PAGED, next_page, put_next
from dashtam.web.preconditions import CONDITIONAL, VERSIONED, put_version, read_precondition
from dashtam.web.query import read_query
from dashtam.web.traits import Header, Trait, promise

blueprint = Blueprint("connections", __name__, url_prefix="/api/v1/connections")

_BEGUN = Trait(
    sends=(Header("Location", "Where the connection is.", {"type": "string"}, is_required=True),),
    fails=(
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)


_REFRESH_FAILS = Trait(fails=(HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE))


def _user_id() -> UUID:
    return current_identity().user_id


def _counted(endpoint: Endpoint) -> Endpoint:
    """Count before anything else: an answer that is told again is one too, and Redis is not asked in a transaction."""

    @wraps(endpoint)
    async def answer(*args: object, **values: object) -> Response:
        await limits.limit_connecting(str(_user_id()))
        return await endpoint(*args, **values)

    return answer


@blueprint.post("")
@_counted
@idempotent(_user_id)
@document_request(Connecting)
@document_response(ConnectionBegun, HTTPStatus.CREATED)
@promise(limits.LIMITED, VERSIONED, _BEGUN)
@tag(["connections"])
@audits("connection.created", "authorization.started", "authorization.completed", "attempts.limited")
async def connect() -> Response:
    """Connect a provider.

    Most providers ask you in a browser: open the `link` of the answer there, within ten minutes. A provider that gave
    you something to copy takes it as `secrets`, and the connection is active at once.
    """
    body = await read_body(Connecting)
    if body.secrets is not None:
        claimed = await current_resources().connections.claims.connect(
            _asker(), provider_key=body.provider_key, alias=body.alias, secrets=body.secrets
        )
        return _begun(claimed)
    link = await current_resources().connections.authorizations.connect(
        _asker(), provider_key=body.provider_key, alias=body.alias, return_path=_return_path(body)
    )
    return _begun(Standing(link.connection), link)


@blueprint.get("")
@document_querystring(ConnectionQuery)
@document_response(ConnectionList)
@promise(PAGED)
@tag(["connections"])
@not_audited("shows a user their own connections")
async def list_connections() -> Response:
    """List your connections, the oldest first."""
    query = read_query(ConnectionQuery)
    found = await current_resources().connections.lifecycle.list_connections(
        _user_id(), limit=query.limit + 1, after=query.after
    )
    shown = [_entry(standing) for standing in found[: query.limit]]
    has_more = len(found) > query.limit
    following = next_page(blueprint.url_prefix, limit=query.limit, after=shown[-1].id) if has_more else None
    return put_next(respond(ConnectionList(items=shown, next=following)), following)


@blueprint.get("/<uuid:connection_id>")
@document_response(ConnectionEntry)
@promise(VERSIONED)
@tag(["connections"])
@not_audited("shows a user their own connection")
async def show_connection(connection_id: UUID) -> Response:
    """Show one of your connections: where it stands, why, and what you can do."""
    return _shown(await current_resources().connections.lifecycle.get(_user_id(), connection_id))


@blueprint.patch("/<uuid:connection_id>")
@document_request(Naming)
@document_response(ConnectionEntry)
@promise(CONDITIONAL, Trait(fails=(HTTPStatus.CONFLICT,)))
@tag(["connections"])
@audits("connection.renamed")
async def rename_connection(connection_id: UUID) -> Response:
    """Call one of your connections something else."""
    precondition, body = read_precondition(), await read_body(Naming)
    standing = await current_resources().connections.lifecycle.rename(
        _user_id(), connection_id, alias=body.alias, precondition=precondition, caller=current_caller()
    )
    return _shown(standing)


@blueprint.post("/<uuid:connection_id>/reconnections")
@_counted
@idempotent(_user_id)
@document_request(Reconnecting)
@document_response(ConnectionBegun, HTTPStatus.CREATED)
@promise(limits.LIMITED, VERSIONED, _BEGUN)
@tag(["connections"])
@audits("authorization.started", "authorization.completed", "attempts.limited")
async def reconnect(connection_id: UUID) -> Response:
    """Connect one of your connections again, whatever became of it: it keeps its id and its history."""
    body = await read_body(Reconnecting)
    if body.secrets is not None:
        return _begun(
            await current_resources().connections.claims.reconnect(
                _asker(), connection_id, secrets=body.secrets
            )
        )
    link = await current_resources().connections.authorizations.reconnect(
        _asker(), connection_id, return_path=_return_path(body)
    )
    return _begun(await current_resources().connections.lifecycle.get(_user_id(), connection_id), link)


@blueprint.post("/<uuid:connection_id>/disconnection")
@document_response(ConnectionEntry)
@promise(VERSIONED)
@tag(["connections"])
@audits("connection.disconnected", "token.revoked")
async def disconnect(connection_id: UUID) -> Response:
    """End one of your connections: its token is of no use here from now on, and the provider is told."""
    return _shown(
        await current_resources().connections.lifecycle.disconnect(
            _user_id(), connection_id, caller=current_caller()
        )
    )


@blueprint.delete("/<uuid:connection_id>")
@tag(["connections"])
@audits("connection.deleted", "token.revoked")
async def forget_connection(connection_id: UUID) -> Response:
    """End one of your connections and forget it, with all that came from it."""
    await current_resources().connections.lifecycle.forget(_user_id(), connection_id, caller=current_caller())
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.post("/<uuid:connection_id>/refreshes")
@document_response(ConnectionEntry)
@promise(VERSIONED, _REFRESH_FAILS)
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
    return _shown(await current_resources().connections.lifecycle.get(user_id, connection_id))


def _asker() -> Asker:
    identity = current_identity()
    return Asker(identity.user_id, identity.session_id, current_caller())


def _return_path(body: Reconnecting) -> str:
    """Where the last page may lead back to.

    Raises:
        InvalidBody: it is not one of those that the settings name.
    """
    if body.return_path is None:
        return ""
    if body.return_path not in current_resources().settings.return_paths:
        raise InvalidBody(parts=[("return_path", "Expected one of the paths that RETURN_PATHS lists")])
    return body.return_path


def _entry(standing: Standing) -> ConnectionEntry:
    connection = standing.connection
    return ConnectionEntry(
        id=connection.id,
        provider_key=connection.provider.key,
        alias=connection.alias,
        status=connection.status.value,
        reason=connection.reason.value if connection.reason else None,
        advice=advise(connection.status, connection.reason),
        scopes=standing.scope.split(),
        created_at=connection.created_at,
        connected_at=connection.connected_at,
        expires_at=standing.expires_at,
        refresh_expires_at=standing.refresh_expires_at,
    )


def _shown(standing: Standing) -> Response:
    """Answer with a connection."""
    return put_version(respond(_entry(standing)), standing.version)


def _begun(standing: Standing, link: Link | None = None) -> Response:
    settings = current_resources().settings
    body = ConnectionBegun(
        **_entry(standing).model_dump(),
        link=f"{settings.APP_URL}/connect/{link.ticket.get_secret_value()}" if link else None,
        link_expires_at=link.expires_at if link else None,
    )
    response = put_version(respond(body, HTTPStatus.CREATED), standing.version)
    response.headers["Location"] = f"{blueprint.url_prefix}/{body.id}"
    return response
