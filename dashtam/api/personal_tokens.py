"""/api/v1/personal-tokens: tokens for scripts."""

from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from quart import Blueprint, Response
from quart_schema import document_request, document_response, tag

from dashtam.api.schemas.sessions import (
    PersonalTokenEntry,
    PersonalTokenList,
    PersonalTokenMade,
    PersonalTokenRequest,
)
from dashtam.web import limits
from dashtam.web.audits import audits, not_audited
from dashtam.web.auth import current_identity
from dashtam.web.body import read_body, respond
from dashtam.web.callers import current_caller
from dashtam.web.current import current_resources
from dashtam.web.traits import promise

blueprint = Blueprint("personal_tokens", __name__, url_prefix="/api/v1/personal-tokens")


@blueprint.post("")
@document_request(PersonalTokenRequest)
@document_response(PersonalTokenMade, HTTPStatus.CREATED)
@promise(limits.LIMITED)
@tag(["personal tokens"])
@audits("user.confirmed", "personal_token.created", "attempts.limited")
async def create_token() -> Response:
    """Make a token for a script; it is shown this once."""
    body, identity, caller = await read_body(PersonalTokenRequest), current_identity(), current_caller()
    await limits.limit_account(str(identity.user_id))
    await current_resources().identity.authentication.confirm(
        identity.user_id, body.password, body.one_time_password, caller=caller
    )
    made = await current_resources().identity.personal_tokens.create(
        identity.user_id, name=body.name, scope=body.scope, ttl=timedelta(days=body.days), caller=caller
    )
    entry = PersonalTokenEntry.model_validate(made.session)
    return respond(
        PersonalTokenMade(**entry.model_dump(), token=made.access.get_secret_value()), HTTPStatus.CREATED
    )


@blueprint.get("")
@document_response(PersonalTokenList)
@tag(["personal tokens"])
@not_audited("shows a user the names of their own tokens")
async def list_tokens() -> Response:
    """List your personal access tokens, the newest first."""
    found = await current_resources().identity.personal_tokens.list_tokens(current_identity().user_id)
    return respond(PersonalTokenList(items=[PersonalTokenEntry.model_validate(token) for token in found]))


@blueprint.delete("/<uuid:token_id>")
@tag(["personal tokens"])
@audits("session.ended")
async def end_token(token_id: UUID) -> Response:
    """End one of your personal access tokens."""
    await current_resources().identity.personal_tokens.end(
        current_identity().user_id, token_id, caller=current_caller()
    )
    return Response(status=HTTPStatus.NO_CONTENT)
