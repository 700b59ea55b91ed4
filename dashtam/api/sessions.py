"""/api/v1/sessions: signing in and out, refreshing, and the list of who is signed in."""

from http import HTTPStatus
from uuid import UUID

from quart import Blueprint, Response
from quart_schema import document_request, document_response, tag

from dashtam.api.schemas.sessions import Refresh, Renaming, SessionEntry, SessionList, SignedIn, SignIn
from dashtam.identity.sessions import Tokens
from dashtam.web import limits
from dashtam.web.audits import audits, not_audited
from dashtam.web.auth import current_identity
from dashtam.web.body import read_body, respond
from dashtam.web.callers import current_caller
from dashtam.web.cookies import SETS_COOKIE, clear_cookie, read_cookie, require_own_page, set_cookie
from dashtam.web.current import current_resources
from dashtam.web.traits import Trait, promise

blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1/sessions")


@blueprint.post("")
@document_request(SignIn)
@document_response(SignedIn, HTTPStatus.CREATED)
@promise(limits.LIMITED, SETS_COOKIE, Trait(fails=(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)))
@tag(["sessions"])
@audits("session.started", "recovery_code.used", "attempts.limited")
async def sign_in() -> Response:
    """Sign in with address and password.

    A program is given an access token for a quarter of an hour and a refresh token for two weeks; a browser is given
    a cookie, which ends the session that it held before.
    """
    body = await read_body(SignIn)
    if body.kind == "browser":
        require_own_page()
    await limits.limit_account(body.email)
    tokens = await current_resources().identity.authentication.sign_in(
        email=body.email,
        password=body.password,
        code=body.one_time_password,
        kind=body.kind,
        name=body.name,
        caller=current_caller(),
    )
    await limits.remember_device(body.email)
    if body.kind == "program":
        return respond(_signed_in(tokens), HTTPStatus.CREATED)
    if (earlier := read_cookie()) is not None:
        await current_resources().identity.sessions.end_earlier(earlier, caller=current_caller())
    response = respond(SignedIn(session=_entry(tokens)), HTTPStatus.CREATED)
    set_cookie(response, tokens.access, tokens.access_ttl)
    return response


@blueprint.post("/refreshes")
@document_request(Refresh)
@document_response(SignedIn)
@promise(limits.LIMITED, Trait(fails=(HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT)))
@tag(["sessions"])
@audits("session.refreshed", "session.reuse_detected", "attempts.limited")
async def refresh_session() -> Response:
    """Exchange a refresh token for the next pair of tokens.

    Each is good for one exchange. One that comes again within ten seconds, before the next one was used, is answered
    with 409, because two honest requests may have met; one that comes later ends the session, because two hold it.
    """
    body = await read_body(Refresh)
    await limits.limit_network()
    return respond(
        _signed_in(
            await current_resources().identity.sessions.refresh(body.refresh_token, caller=current_caller())
        )
    )


@blueprint.get("")
@document_response(SessionList)
@tag(["sessions"])
@not_audited("shows a user their own sessions")
async def list_sessions() -> Response:
    """List where you are signed in, the newest first."""
    identity = current_identity()
    found = await current_resources().identity.sessions.list_sessions(identity.user_id)
    entries = [SessionEntry.model_validate(session) for session in found]
    return respond(
        SessionList(
            items=[
                entry.model_copy(update={"is_current": entry.id == identity.session_id}) for entry in entries
            ]
        )
    )


@blueprint.patch("/<uuid:session_id>")
@document_request(Renaming)
@document_response(SessionEntry)
@tag(["sessions"])
@audits("session.renamed")
async def rename_session(session_id: UUID) -> Response:
    """Give one of your sessions another name."""
    body, identity = await read_body(Renaming), current_identity()
    session = await current_resources().identity.sessions.rename(
        identity.user_id, session_id, name=body.name, caller=current_caller()
    )
    entry = SessionEntry.model_validate(session)
    return respond(entry.model_copy(update={"is_current": session_id == identity.session_id}))


@blueprint.delete("/current")
@promise(SETS_COOKIE)
@tag(["sessions"])
@audits("session.ended")
async def end_current() -> Response:
    """Sign out."""
    identity = current_identity()
    return await _end(identity.session_id)


@blueprint.delete("/<uuid:session_id>")
@promise(SETS_COOKIE)
@tag(["sessions"])
@audits("session.ended")
async def end_session(session_id: UUID) -> Response:
    """End one of your sessions."""
    return await _end(session_id)


@blueprint.delete("")
@tag(["sessions"])
@audits("session.ended")
async def end_others() -> Response:
    """Sign out everywhere else; personal tokens end as well."""
    identity = current_identity()
    await current_resources().identity.sessions.end_all(
        identity.user_id, caller=current_caller(), except_id=identity.session_id
    )
    return Response(status=HTTPStatus.NO_CONTENT)


async def _end(session_id: UUID) -> Response:
    identity = current_identity()
    await current_resources().identity.sessions.end(identity.user_id, session_id, caller=current_caller())
    response = Response(status=HTTPStatus.NO_CONTENT)
    if session_id == identity.session_id:
        clear_cookie(response)
    return response


def _entry(tokens: Tokens) -> SessionEntry:
    return SessionEntry.model_validate(tokens.session).model_copy(update={"is_current": True})


def _signed_in(tokens: Tokens) -> SignedIn:
    return SignedIn(
        session=_entry(tokens),
        access_token=tokens.access.get_secret_value(),
        token_type="Bearer",  # noqa: S106  # the name of a scheme
        expires_in=int(tokens.access_ttl.total_seconds()),
        refresh_token=tokens.refresh.get_secret_value() if tokens.refresh else None,
    )
