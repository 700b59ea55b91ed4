"""/sandbox: metadata, consent, tokens, revocation, a few invented accounts, and the knobs of the sandbox."""

import asyncio
import base64
import binascii
import re
import secrets
from http import HTTPStatus
from typing import Any, Final

from quart import Blueprint, Response, jsonify, request
from quart_schema import hide

from dashtam.providers.sandbox.adapter import PROFILE
from dashtam.providers.sandbox.credentials import CLIENT_ID, client_secrets, issuer
from dashtam.sandbox import consent, faults, grants, pages
from dashtam.sandbox.accounts import ACCOUNTS
from dashtam.sandbox.knobs import Knobs
from dashtam.sandbox.store import Store
from dashtam.web.audits import not_audited
from dashtam.web.current import current_resources

_COOKIE: Final = "__Host-dashtam-sandbox"
_BROWSER: Final = re.compile(r"[\w-]{43}", re.ASCII)
_PLAYED: Final = "belongs to an invented bank; its clients audit their own actions"

blueprint = Blueprint("sandbox", __name__)


@blueprint.get("/.well-known/oauth-authorization-server/sandbox")
@not_audited(_PLAYED)
@hide
async def metadata() -> Response:
    """Return the metadata of this authorization server (RFC 8414, 3.1)."""
    base = issuer(current_resources().settings)
    return jsonify(
        issuer=base,
        authorization_endpoint=f"{base}/authorize",
        token_endpoint=f"{base}/token",
        revocation_endpoint=f"{base}/revoke",
        scopes_supported=list(PROFILE.scopes),
        response_types_supported=["code"],
        grant_types_supported=["authorization_code", "refresh_token"],
        code_challenge_methods_supported=["S256"],
        token_endpoint_auth_methods_supported=["client_secret_basic"],
        revocation_endpoint_auth_methods_supported=["client_secret_basic"],
        authorization_response_iss_parameter_supported=True,
    )


@blueprint.get("/sandbox/authorize")
@not_audited(_PLAYED)
@hide
async def ask() -> Response:
    """Show the consent page, or redirect with an error (OAuth 2.1, 4.1)."""
    resources = current_resources()
    try:
        client_request, error = consent.read_request(resources.settings, request.args)
    except consent.Misdirected as wrong:
        return pages.refusal(str(wrong))
    knobs = await Knobs.read(resources.cache)
    if error or knobs.denies:
        return _leave(consent.refuse(knobs, resources.settings, client_request, error or "access_denied"))
    # The tabs of a browser share one cookie, so that two open pages can both be submitted.
    known = request.cookies.get(_COOKIE, "")
    browser = known if _BROWSER.fullmatch(known) else secrets.token_urlsafe(32)
    ticket = await consent.keep(resources.cache, client_request, browser=browser)
    page = pages.consent(
        client="Dashtam", scope=client_request.scope, ticket=ticket, redirect_uri=client_request.redirect_uri
    )
    # Only our own form passes: another site can neither read the ticket nor make the browser send this cookie.
    page.set_cookie(_COOKIE, browser, secure=True, httponly=True, samesite="Strict", path="/", max_age=600)
    return page


@blueprint.post("/sandbox/authorize")
@not_audited(_PLAYED)
@hide
async def decide() -> Response:
    """Process the submitted consent page, and redirect the browser to the client."""
    resources, form = current_resources(), await request.form
    browser = request.cookies.get(_COOKIE, "")
    client_request = await consent.take(resources.cache, form.get("ticket", ""), browser=browser)
    if client_request is None:
        return pages.refusal("This page was submitted already, has expired, or belongs to another browser.")
    knobs = await Knobs.read(resources.cache)
    if form.get("answer") != "allow":
        return _leave(consent.refuse(knobs, resources.settings, client_request, "access_denied"))
    return _leave(await consent.allow(Store(resources.cache), knobs, resources.settings, client_request))


@blueprint.post("/sandbox/token")
@not_audited(_PLAYED)
@hide
async def issue() -> Response:
    """Issue tokens for a code or a refresh token."""
    cache = current_resources().cache
    store, knobs = Store(cache), await Knobs.read(cache)
    await store.count("token_requests")
    await asyncio.sleep(knobs.delay_seconds)
    if (fault := await knobs.next_fault(cache)) != "none":
        return faults.fail(fault, knobs)
    if not _is_client():
        return _refused("invalid_client", HTTPStatus.UNAUTHORIZED)
    try:
        granted = await _grant(store, knobs)
    except grants.TokenRefused as refused:
        return _refused(refused.error, HTTPStatus.BAD_REQUEST)
    return faults.hang_up() if knobs.loses_answers else jsonify(granted)


async def _grant(store: Store, knobs: Knobs) -> dict[str, Any]:
    form = await request.form
    given = {name: values[0] for name, values in form.to_dict(flat=False).items() if len(values) == 1}
    if len(given) != len(form):
        raise grants.TokenRefused("invalid_request", "a parameter is repeated")
    match given.get("grant_type"):
        case "authorization_code":
            return await grants.exchange_code(
                store,
                knobs,
                code=given.get("code", ""),
                redirect_uri=given.get("redirect_uri", ""),
                verifier=given.get("code_verifier", ""),
            )
        case "refresh_token":
            return await grants.refresh(store, knobs, token=given.get("refresh_token", ""))
    raise grants.TokenRefused("unsupported_grant_type", "expected authorization_code or refresh_token")


@blueprint.post("/sandbox/revoke")
@not_audited(_PLAYED)
@hide
async def revoke() -> Response:
    """Revoke a token (RFC 7009)."""
    cache = current_resources().cache
    store, knobs = Store(cache), await Knobs.read(cache)
    await store.count("revoke_requests")
    if not _is_client():
        return _refused("invalid_client", HTTPStatus.UNAUTHORIZED)
    if knobs.revocation != 200:
        return _refused("unsupported_token_type", HTTPStatus(knobs.revocation))
    await grants.revoke(store, (await request.form).get("token", ""))
    return Response("", HTTPStatus.OK)


@blueprint.get("/sandbox/accounts")
@not_audited(_PLAYED)
@hide
async def accounts() -> Response:
    """Return the invented accounts, given a valid access token (RFC 6750)."""
    cache = current_resources().cache
    store, knobs = Store(cache), await Knobs.read(cache)
    await store.count("account_requests")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    issued = await grants.find_access(store, knobs, token) if scheme.lower() == "bearer" else None
    if issued is None:
        response = _refused("invalid_token", HTTPStatus.UNAUTHORIZED)
        response.headers["WWW-Authenticate"] = 'Bearer realm="sandbox", error="invalid_token"'
        return response
    if "accounts" not in issued.scope.split():
        return _refused("insufficient_scope", HTTPStatus.FORBIDDEN)
    return jsonify(accounts=ACCOUNTS)


@blueprint.route("/sandbox/knobs", methods=["GET", "PUT"])
@not_audited(_PLAYED)
@hide
async def turn() -> Response:
    """Return knobs and counters; PUT sets the knobs and resets the counters first."""
    cache = current_resources().cache
    if not _is_client():
        return _refused("invalid_client", HTTPStatus.UNAUTHORIZED)
    store = Store(cache)
    if request.method == "PUT":
        knobs = await Knobs.write(cache, await request.data)
        await store.reset()
    else:
        knobs = await Knobs.read(cache)
    return jsonify(knobs=knobs.model_dump(mode="json"), counters=await store.counters())


def _is_client() -> bool:
    """Whether the caller authenticates as the only client, with HTTP Basic (RFC 6749, 2.3.1)."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return False
    known = [secret.get_secret_value() for secret in client_secrets(current_resources().settings)]
    is_known = [secrets.compare_digest(password.encode(), secret.encode()) for secret in known]
    return scheme.lower() == "basic" and user == CLIENT_ID and any(is_known)


def _leave(location: str) -> Response:
    return Response("", HTTPStatus.SEE_OTHER, headers={"Location": location})


def _refused(error: str, status: HTTPStatus) -> Response:
    response = jsonify(error=error)
    response.status_code = status
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Basic realm="sandbox"'
    return response
