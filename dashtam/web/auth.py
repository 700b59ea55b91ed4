"""Who may call what: every endpoint needs a user, unless it is listed here; docs/permissions.md is the whole table."""

from typing import Final

from pydantic import SecretStr
from quart import Quart, g, request

from dashtam.errors import InvalidRequest, NotAllowed, NotAuthenticated
from dashtam.identity.identities import INVALID_TOKEN, Identity
from dashtam.web.cookies import SAFE_METHODS, read_cookie, require_own_page
from dashtam.web.current import current_resources

PUBLIC_ENDPOINTS: Final = frozenset(
    {
        "health.live",
        "health.ready",
        "providers.list_providers",
        "documentation.openapi",
        "documentation.page",
        "documentation.static",
        "users.register_user",
        "users.verify_user",
        "users.request_reset",
        "users.complete_reset",
        "sessions.sign_in",
        "sessions.refresh_session",
    }
)
"""Answers to anyone. Nothing here may tell of a user, a connection, or what a setting holds."""
LINK_ENDPOINTS: Final = frozenset({"connect.show", "connect.go"})
"""Pages for whoever holds a link: what it is, and which browser follows it, is looked at there."""
DEVELOPMENT_ENDPOINTS: Final = frozenset(
    {
        "mailbox.page",
        "sandbox.metadata",
        "sandbox.ask",
        "sandbox.decide",
        "sandbox.issue",
        "sandbox.revoke",
        "sandbox.accounts",
        "sandbox.turn",
    }
)
"""Answer to anyone as well, and do not exist in production; the sandbox is a bank, with credentials of its own."""

CREDENTIAL_ENDPOINTS: Final = frozenset(
    {
        "users.change_password",
        "users.delete_user",
        "second_factors.show_factor",
        "second_factors.begin_factor",
        "second_factors.confirm_factor",
        "second_factors.renew_codes",
        "second_factors.remove_factor",
        "sessions.list_sessions",
        "sessions.rename_session",
        "sessions.end_session",
        "sessions.end_current",
        "sessions.end_others",
        "personal_tokens.create_token",
        "personal_tokens.list_tokens",
        "personal_tokens.end_token",
    }
)
"""A user's own keys: for everybody who signed in, also to read only; never for a script with a personal token."""

ADMIN_ENDPOINTS: Final = frozenset({"users.list_users", "users.change_role"})
"""For administrators who signed in; a personal token does not administer."""

_OPEN_ENDPOINTS: Final = PUBLIC_ENDPOINTS | LINK_ENDPOINTS | DEVELOPMENT_ENDPOINTS
_SCHEME: Final = "bearer "


def register(app: Quart) -> None:
    """Ask at every request who it comes from, and whether they may; what is not listed follows from its method."""
    app.before_request(_authorize)


def current_identity() -> Identity:
    """The user and the session behind the current request."""
    identity = g.get("identity")
    if not isinstance(identity, Identity):
        raise NotAuthenticated(f"{request.endpoint} was called without a user")
    return identity


async def _authorize() -> None:
    endpoint = request.endpoint
    if endpoint is None or endpoint in _OPEN_ENDPOINTS:
        return
    token = _read_token()
    if token is None:
        raise NotAuthenticated(f"{endpoint} was called without a user")
    identity = await current_resources().identity.identities.identify(token)
    _check_rights(identity, endpoint)
    g.identity = identity


def _read_token() -> SecretStr | None:
    """Read the one credential of the current request: a bearer token (RFC 6750, 2.1), or the cookie of our own page."""
    header, cookie = request.headers.getlist("Authorization"), read_cookie()
    if not header:
        if cookie is not None and request.method not in SAFE_METHODS:
            require_own_page()
        return cookie
    if cookie is not None or len(header) > 1:
        raise InvalidRequest("more than one credential was sent")
    if not header[0].lower().startswith(_SCHEME):
        raise NotAuthenticated("another scheme than Bearer", challenge=INVALID_TOKEN)
    return SecretStr(header[0][len(_SCHEME) :].strip())


def _check_rights(identity: Identity, endpoint: str) -> None:
    if endpoint in CREDENTIAL_ENDPOINTS:
        if identity.is_personal:
            raise NotAllowed("a personal token never touches credentials")
    elif endpoint in ADMIN_ENDPOINTS:
        if identity.is_personal or not identity.is_admin:
            raise NotAllowed(f"the user {identity.user_id} is no administrator")
    elif request.method not in SAFE_METHODS and not identity.may_write:
        raise NotAllowed(
            f"the user {identity.user_id} may only read",
            challenge='Bearer realm="dashtam", error="insufficient_scope", scope="write"',
        )
