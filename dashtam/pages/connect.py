"""/connect/<ticket>: where a link is opened in a browser, before its user is sent to the provider.

A link that a browser session asked for is opened by that session alone, so nothing needs to be asked. Any other may
have been sent by somebody else, who would like to see your accounts in theirs: its page says whose account it is, and
goes on only when a form of this very page is sent (RFC 9700, 4.7): a stranger's page knows neither cookie nor proof.
"""

import hashlib
import hmac
from html import escape
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr
from quart import Blueprint, Response, request
from quart_schema import hide

from dashtam.connections.authorizations import Invitation
from dashtam.connections.browsers import opener_cookie, read_browser
from dashtam.connections.errors import AuthorizationNotPending
from dashtam.errors import DashtamError, NotAllowed, TooManyRequests
from dashtam.logs.pipeline import get_logger
from dashtam.security.tokens import AUTHORIZATION_TTL
from dashtam.web import limits
from dashtam.web.audits import audits
from dashtam.web.callers import current_caller
from dashtam.web.current import current_resources
from dashtam.web.errors import CrossOrigin
from dashtam.web.html import CONTENT_TYPE, render_page

# Browsers hold a form's policy against every redirect behind it, and a provider may send its users on to other hosts.
_POLICY: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' https:"
_FORM: Final = (
    '<form method="post"><input type="hidden" name="proof" value="{proof}">'
    "<button>Continue to {provider}</button></form>"
)
_PROOF: Final = b"dashtam connect page v1:"
_REFUSALS: Final = {
    AuthorizationNotPending: (
        "This link leads nowhere",
        "It may have been used before, or it took too long. Close this page and start again in Dashtam.",
    ),
    NotAllowed: (
        "This link is not for this browser",
        (
            "Open it where you asked for it, signed in as who you were then. If somebody else sent it to you, close "
            "this page: they would see your accounts."
        ),
    ),
    CrossOrigin: (
        "This did not come from the page of Dashtam",
        "Nothing was connected. Open the link again, and go on from the page that it shows.",
    ),
    TooManyRequests: ("Too many attempts", "Wait a minute, then open the link again."),
}
_OTHERWISE: Final = ("Dashtam cannot answer now", "Nothing was connected. Try again in a minute.")
_log = get_logger(__name__)

blueprint = Blueprint("connect", __name__)


@blueprint.get("/connect/<ticket>")
@audits("authorization.opened", "attempts.limited")
@hide
async def show(ticket: str) -> Response:
    """Open a link: on to the provider, or first a page that says whose account it is."""
    try:
        await limits.limit_network()
        browser = read_browser(request.cookies)
        invitation = await current_resources().connections.authorizations.examine(
            SecretStr(ticket), browser=browser, caller=current_caller()
        )
        opener = browser.opener(invitation.request_id)
        if invitation.is_asked:
            return _bound(_asking(invitation, opener), invitation.request_id, opener)
        return await _go(ticket, invitation.request_id, opener)
    except DashtamError as error:
        return _refused(error)


@blueprint.post("/connect/<ticket>")
@audits("authorization.opened", "attempts.limited")
@hide
async def go(ticket: str) -> Response:
    """Go on to the provider, from the page that `show` made."""
    try:
        await limits.limit_network()
        browser = read_browser(request.cookies)
        invitation = await current_resources().connections.authorizations.examine(
            SecretStr(ticket), browser=browser, caller=current_caller()
        )
        opener = browser.openers.get(invitation.request_id)
        if opener is None:
            raise CrossOrigin("the cookie of the page is missing")
        await _require_page(opener)
        return await _go(ticket, invitation.request_id, opener)
    except DashtamError as error:
        return _refused(error)


async def _go(ticket: str, request_id: UUID, opener: SecretStr) -> Response:
    url = await current_resources().connections.authorizations.open(
        SecretStr(ticket), browser=read_browser(request.cookies), opener=opener, caller=current_caller()
    )
    return _bound(Response(b"", HTTPStatus.SEE_OTHER, {"Location": url}), request_id, opener)


def _asking(invitation: Invitation, opener: SecretStr) -> Response:
    form = _FORM.format(proof=_proof(opener), provider=escape(invitation.provider_name))
    page = render_page(
        f"Connect {invitation.provider_name}?",
        f"What {invitation.provider_name} shows you will be read by the Dashtam account {invitation.email}, as "
        f"“{invitation.alias}”.",
        "If that is not your account, close this page: its owner would see your money.",
        markup=form,
    )
    return Response(page, content_type=CONTENT_TYPE)


def _bound(response: Response, request_id: UUID, opener: SecretStr) -> Response:
    """Have the browser hold what proves that it opened the link; a provider's redirect brings it along (Lax)."""
    response.set_cookie(
        opener_cookie(request_id),
        opener.get_secret_value(),
        max_age=int(AUTHORIZATION_TTL.total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="Lax",
    )
    return _dressed(response)


async def _require_page(opener: SecretStr) -> None:
    """Check that the current request is the form of our own page, sent by a page of this very origin.

    Raises:
        CrossOrigin: it is not, or nothing proves it.
    """
    # Our pages send no referrer, and so browsers write `null` here, which proves nothing; Sec-Fetch-Site does.
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        raise CrossOrigin(f"Sec-Fetch-Site is {site!r}")
    own = f"{urlsplit(current_resources().settings.APP_URL).scheme}://{request.host}"
    if origin not in {None, "null", own}:
        raise CrossOrigin(f"Origin is {origin!r}, not {own}")
    given = (await request.form).getlist("proof")
    if len(given) != 1 or not hmac.compare_digest(given[0].encode(), _proof(opener).encode()):
        raise CrossOrigin("the proof of the page is missing, or is another page's")


def _proof(opener: SecretStr) -> str:
    return hashlib.sha256(_PROOF + opener.get_secret_value().encode()).hexdigest()


def _refused(error: DashtamError) -> Response:
    log = _log.error if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else _log.info
    log("link refused", code=error.code, reason=str(error))
    words = next((words for kind, words in _REFUSALS.items() if isinstance(error, kind)), _OTHERWISE)
    response = Response(render_page(*words), error.status, content_type=CONTENT_TYPE)
    response.headers.update(error.headers)
    return _dressed(response)


def _dressed(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    return response
