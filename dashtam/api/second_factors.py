"""/api/v1/users/me/second-factor: an authenticator app beside the password."""

from http import HTTPStatus

from quart import Blueprint, Response
from quart_schema import document_request, document_response, tag

from dashtam.api.schemas.second_factors import Enrolled, FactorCode, RecoveryCodes, SecondFactorState
from dashtam.api.schemas.users import Confirmation
from dashtam.web import limits
from dashtam.web.audits import audits, not_audited
from dashtam.web.auth import current_identity
from dashtam.web.body import read_body, respond
from dashtam.web.callers import current_caller
from dashtam.web.current import current_resources
from dashtam.web.traits import promise

blueprint = Blueprint("second_factors", __name__, url_prefix="/api/v1/users/me/second-factor")


@blueprint.get("")
@document_response(SecondFactorState)
@tag(["second factor"])
@not_audited("shows a user their own setting")
async def show_factor() -> Response:
    """Say whether an authenticator app is asked for at the sign-in."""
    left = await current_resources().identity.second_factors.count_recovery_codes(current_identity().user_id)
    return respond(SecondFactorState(is_on=left is not None, recovery_codes_left=left or 0))


@blueprint.post("")
@document_request(Confirmation)
@document_response(Enrolled, HTTPStatus.CREATED)
@promise(limits.LIMITED)
@tag(["second factor"])
@audits("user.confirmed", "second_factor.begun", "attempts.limited")
async def begin_factor() -> Response:
    """Make a secret for an authenticator app; nothing changes until the app's first code comes back."""
    body, identity, caller = await read_body(Confirmation), current_identity(), current_caller()
    await limits.limit_account(str(identity.user_id))
    user = await current_resources().identity.authentication.confirm(
        identity.user_id, body.password, body.one_time_password, caller=caller
    )
    enrolment = await current_resources().identity.second_factors.begin(user, caller=caller)
    return respond(
        Enrolled(secret=enrolment.secret.get_secret_value(), uri=enrolment.uri.get_secret_value()),
        HTTPStatus.CREATED,
    )


@blueprint.post("/confirmation")
@document_request(FactorCode)
@document_response(RecoveryCodes)
@promise(limits.LIMITED)
@tag(["second factor"])
@audits("second_factor.confirmed", "attempts.limited")
async def confirm_factor() -> Response:
    """Bring the app's first code; from now on every sign-in asks for one. The recovery codes are shown this once."""
    body, identity = await read_body(FactorCode), current_identity()
    await limits.limit_account(str(identity.user_id))
    codes = await current_resources().identity.second_factors.confirm(
        identity.user_id, body.one_time_password, caller=current_caller()
    )
    return respond(RecoveryCodes(recovery_codes=[code.get_secret_value() for code in codes]))


@blueprint.post("/recovery-codes")
@document_request(Confirmation)
@document_response(RecoveryCodes)
@promise(limits.LIMITED)
@tag(["second factor"])
@audits("user.confirmed", "recovery_codes.renewed", "attempts.limited")
async def renew_codes() -> Response:
    """Have ten fresh recovery codes, shown this once; those that are left stop working."""
    body, identity, caller = await read_body(Confirmation), current_identity(), current_caller()
    await limits.limit_account(str(identity.user_id))
    await current_resources().identity.authentication.confirm(
        identity.user_id, body.password, body.one_time_password, caller=caller
    )
    codes = await current_resources().identity.second_factors.renew_recovery_codes(
        identity.user_id, caller=caller
    )
    return respond(RecoveryCodes(recovery_codes=[code.get_secret_value() for code in codes]))


@blueprint.post("/removal")
@document_request(Confirmation)
@promise(limits.LIMITED)
@tag(["second factor"])
@audits("user.confirmed", "second_factor.removed", "attempts.limited")
async def remove_factor() -> Response:
    """Go back to the password alone; password and a code of the app, or a recovery code, are asked for."""
    body, identity, caller = await read_body(Confirmation), current_identity(), current_caller()
    await limits.limit_account(str(identity.user_id))
    await current_resources().identity.authentication.confirm(
        identity.user_id, body.password, body.one_time_password, caller=caller
    )
    await current_resources().identity.second_factors.remove(identity.user_id, caller=caller)
    return Response(status=HTTPStatus.NO_CONTENT)
