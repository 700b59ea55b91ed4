"""/api/v1/users: registering, and what a user does with themselves; for administrators, all of them."""

from http import HTTPStatus
from uuid import UUID

from quart import Blueprint, Response
from quart_schema import document_querystring, document_request, document_response, tag

from dashtam.api.schemas.users import (
    Confirmation,
    EmailSent,
    PasswordChange,
    Registration,
    ResetCompletion,
    ResetRequest,
    RoleChange,
    UserEntry,
    UserList,
    UserQuery,
    Verification,
)
from dashtam.web import limits
from dashtam.web.audits import audits, not_audited
from dashtam.web.auth import current_identity
from dashtam.web.body import read_body, respond
from dashtam.web.callers import current_caller
from dashtam.web.cookies import SETS_COOKIE, clear_cookie
from dashtam.web.current import current_resources
from dashtam.web.paging import PAGED, next_page, put_next
from dashtam.web.query import read_query
from dashtam.web.traits import Trait, promise

blueprint = Blueprint("users", __name__, url_prefix="/api/v1/users")


@blueprint.post("")
@document_request(Registration)
@document_response(EmailSent, HTTPStatus.ACCEPTED)
@promise(limits.LIMITED, Trait(fails=(HTTPStatus.FORBIDDEN,)))
@tag(["users"])
@audits("user.registered", "attempts.limited")
async def register_user() -> Response:
    """Send a letter with a code to an address that wants to have a user.

    The answer is the same whether the address has a user or not; the letter tells.
    """
    body = await read_body(Registration)
    await limits.limit_letters(body.email)
    await current_resources().identity.users.register(
        email=body.email, password=body.password, caller=current_caller()
    )
    return respond(EmailSent(), HTTPStatus.ACCEPTED)


@blueprint.post("/verifications")
@document_request(Verification)
@document_response(UserEntry, HTTPStatus.CREATED)
@promise(limits.LIMITED)
@tag(["users"])
@audits("user.verified", "attempts.limited")
async def verify_user() -> Response:
    """Bring the code of the letter back, with the password that was registered: now there is a user."""
    body = await read_body(Verification)
    await limits.limit_account(body.code.get_secret_value())
    user = await current_resources().identity.users.verify(
        code=body.code, password=body.password, caller=current_caller()
    )
    return respond(UserEntry.model_validate(user), HTTPStatus.CREATED)


@blueprint.get("/me")
@document_response(UserEntry)
@promise(Trait(fails=(HTTPStatus.NOT_FOUND,)))
@tag(["users"])
@not_audited("shows a user themselves")
async def show_user() -> Response:
    """Show who is signed in."""
    return respond(
        UserEntry.model_validate(await current_resources().identity.users.get(current_identity().user_id))
    )


@blueprint.put("/me/password")
@document_request(PasswordChange)
@document_response(EmailSent)
@promise(limits.LIMITED)
@tag(["users"])
@audits("user.confirmed", "user.password_changed", "attempts.limited")
async def change_password() -> Response:
    """Choose another password; every other session and personal token ends, and a letter tells."""
    body, identity = await read_body(PasswordChange), current_identity()
    await limits.limit_account(str(identity.user_id))
    services, caller = current_resources().identity, current_caller()
    user = await services.authentication.confirm(
        identity.user_id, body.password, body.one_time_password, caller=caller
    )
    await services.users.change_password(
        user, password=body.new_password, session_id=identity.session_id, caller=caller
    )
    return respond(EmailSent())


@blueprint.post("/me/deletion")
@document_request(Confirmation)
@promise(limits.LIMITED, SETS_COOKIE)
@tag(["users"])
@audits("user.confirmed", "user.deleted", "attempts.limited")
async def delete_user() -> Response:
    """Leave: the user, their connections and all sealed tokens are gone at once, and for good."""
    body, identity = await read_body(Confirmation), current_identity()
    await limits.limit_account(str(identity.user_id))
    services, caller = current_resources().identity, current_caller()
    user = await services.authentication.confirm(
        identity.user_id, body.password, body.one_time_password, caller=caller
    )
    await services.users.delete(user, caller=caller)
    response = Response(status=HTTPStatus.NO_CONTENT)
    clear_cookie(response)
    return response


@blueprint.post("/password-resets")
@document_request(ResetRequest)
@document_response(EmailSent, HTTPStatus.ACCEPTED)
@promise(limits.LIMITED)
@tag(["users"])
@audits("user.reset_requested", "attempts.limited")
async def request_reset() -> Response:
    """Send a letter with a code to an address whose password was forgotten.

    The answer is the same whether the address has a user or not; the letter tells.
    """
    body = await read_body(ResetRequest)
    await limits.limit_letters(body.email)
    await current_resources().identity.users.request_reset(email=body.email, caller=current_caller())
    return respond(EmailSent(), HTTPStatus.ACCEPTED)


@blueprint.post("/password-resets/completions")
@document_request(ResetCompletion)
@document_response(EmailSent)
@promise(limits.LIMITED)
@tag(["users"])
@audits("user.password_reset", "attempts.limited")
async def complete_reset() -> Response:
    """Bring the code of the letter back, with a new password; every session and personal token ends."""
    body = await read_body(ResetCompletion)
    await limits.limit_account(body.code.get_secret_value())
    await current_resources().identity.users.complete_reset(
        code=body.code, password=body.new_password, caller=current_caller()
    )
    return respond(EmailSent())


@blueprint.get("")
@document_querystring(UserQuery)
@document_response(UserList)
@promise(PAGED)
@tag(["users"])
@not_audited("shows addresses and roles to an administrator")
async def list_users() -> Response:
    """List all users, for an administrator."""
    query = read_query(UserQuery)
    found = await current_resources().identity.administration.list_users(
        limit=query.limit + 1, after=query.after
    )
    shown = [UserEntry.model_validate(user) for user in found[: query.limit]]
    has_more = len(found) > query.limit
    following = next_page(blueprint.url_prefix, limit=query.limit, after=shown[-1].id) if has_more else None
    return put_next(respond(UserList(items=shown, next=following)), following)


@blueprint.put("/<uuid:user_id>/role")
@document_request(RoleChange)
@document_response(UserEntry)
@promise(Trait(fails=(HTTPStatus.CONFLICT,)))
@tag(["users"])
@audits("user.role_changed")
async def change_role(user_id: UUID) -> Response:
    """Say what a user may do, for an administrator."""
    # Without If-Match: a role is told whole, whatever it was, so no change of another is overwritten in part.
    body = await read_body(RoleChange)
    user = await current_resources().identity.administration.set_role(
        user_id, body.role, actor_id=current_identity().user_id, caller=current_caller()
    )
    return respond(UserEntry.model_validate(user))
