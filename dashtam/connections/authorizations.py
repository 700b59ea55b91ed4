"""How a user has a provider let us in: asked for in the API or the shell, opened in one browser, for ten minutes.

Asking makes a link with a ticket, of which only the hash is stored. Whoever opens the link first has it: from then on
it belongs to that browser, which holds a secret in a cookie. answers.py takes what the provider says in the end.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Final
from uuid import UUID

from pydantic import SecretStr
from tortoise.expressions import Q

from dashtam.audit.attempts import attempt
from dashtam.audit.caller import Caller
from dashtam.audit.trail import ANONYMOUS, SYSTEM, AuditTrail, user_actor
from dashtam.connections.allowance import lock_owner, require_room
from dashtam.connections.browsers import Browser
from dashtam.connections.errors import AuthorizationNotPending
from dashtam.connections.lifecycle import create_connection, lock_connection
from dashtam.connections.pkce import challenge_of, new_verifier
from dashtam.errors import InvalidBody, NotAllowed, NotAuthenticated, TooManyRequests
from dashtam.identity.identities import Identities, Identity
from dashtam.models import (
    AuthorizationRequest,
    ConnectionReason,
    ConnectionStatus,
    Outcome,
    ProviderConnection,
    Role,
    SessionKind,
)
from dashtam.providers.base import OAuthAdapter, SecretAdapter
from dashtam.providers.errors import NotConnectable
from dashtam.providers.registry import Registry
from dashtam.sealing.columns import VERIFIER
from dashtam.sealing.keys import Keys
from dashtam.security.tokens import AUTHORIZATION_TTL, Mark, hashed, new_token

MAX_OPEN: Final = 10
"""Requests of one user that wait at the same time."""
_MAX_FORGOTTEN: Final = 100


@dataclass(frozen=True)
class Asker:
    """Who asks for a connection: a user, in a session, or the operator for them."""

    user_id: UUID
    session_id: UUID | None
    caller: Caller


@dataclass(frozen=True)
class Link:
    """What is opened in a browser, and until when."""

    connection: ProviderConnection
    request_id: UUID
    ticket: SecretStr
    expires_at: datetime


@dataclass(frozen=True)
class Invitation:
    """What a browser that follows a link may be told."""

    request_id: UUID
    email: str
    provider_name: str
    alias: str
    is_asked: bool
    """Whether to ask before going on: this browser has not shown that it belongs to whoever began."""


class Authorizations:
    """Attempts to be let in, until they are opened."""

    def __init__(
        self,
        registry: Registry,
        keys: Keys,
        trail: AuditTrail,
        identities: Identities,
        *,
        callback_url: str,
    ) -> None:
        self._registry = registry
        self._keys = keys
        self._trail = trail
        self._identities = identities
        self._callback_url = callback_url

    async def connect(self, asker: Asker, *, provider_key: str, alias: str, return_path: str) -> Link:
        """Make a pending connection, and the link that lets its provider be asked.

        Raises:
            NotFound: there is no such provider.
            NotConnectable: nothing here can ask it.
            InvalidBody: it is asked without a browser.
            AliasTaken: the user has a connection of that alias.
            TooManyConnections: the user has so many that one more has no room.
            TooManyRequests: too many links wait to be opened or answered.
        """
        self._oauth_adapter(provider_key)
        async with (
            attempt(self._trail, "connection.created", caller=asker.caller, user_id=asker.user_id),
            self._trail.transaction(),
        ):
            await self._queue_up(asker.user_id)
            connection = await create_connection(
                user_id=asker.user_id,
                provider_key=provider_key,
                alias=alias,
                trail=self._trail,
                caller=asker.caller,
            )
            return await self._make_link(asker, connection, return_path)

    async def reconnect(self, asker: Asker, connection_id: UUID, *, return_path: str) -> Link:
        """Make a link for a connection that is there: it keeps its id, and goes on working if it does.

        An earlier link of the same connection is of no use any more.

        Raises:
            NotFound: the user has no such connection.
            NotConnectable: nothing here speaks OAuth with its provider.
            TooManyConnections: it has ended or waits no more, and has no room to begin again.
            TooManyRequests: too many links wait to be opened or answered.
        """
        async with (
            attempt(self._trail, "authorization.started", caller=asker.caller, user_id=asker.user_id),
            self._trail.transaction(),
        ):
            await self._queue_up(asker.user_id)
            connection = await lock_connection(asker.user_id, connection_id)
            await AuthorizationRequest.filter(connection_id=connection.id).delete()
            self._oauth_adapter(connection.provider.key)
            if connection.status is not ConnectionStatus.ACTIVE:
                await require_room(asker.user_id, connection.status, is_pending=True)
                connection.update_from_dict({"status": ConnectionStatus.PENDING, "reason": None})
                await connection.save(update_fields=["status", "reason", "updated_at"])
            return await self._make_link(asker, connection, return_path)

    async def withdraw(self, link: Link) -> None:
        """Let a link be of no use any more; a connection that waited for it waits no longer."""
        async with self._trail.transaction():
            connection = await lock_connection(link.connection.user_id, link.connection.id)
            if not await AuthorizationRequest.filter(id=link.request_id).delete():
                return  # it was answered
            if connection.status is ConnectionStatus.PENDING:
                connection.status, connection.reason = ConnectionStatus.FAILED, ConnectionReason.DENIED
                await connection.save(update_fields=["status", "reason", "updated_at"])
            await self._trail.record(
                "authorization.withdrawn",
                Outcome.SUCCEEDED,
                actor=SYSTEM,
                user_id=connection.user_id,
                connection_id=connection.id,
                provider_id=connection.provider_id,
            )

    async def examine(self, ticket: SecretStr, *, browser: Browser, caller: Caller) -> Invitation:
        """Say what a link is about, to a browser that may open it; nothing changes.

        Raises:
            AuthorizationNotPending: it was used, it took too long, or it never was one.
            NotAllowed: it belongs to another browser, or this one is signed in as somebody else.
        """
        request = await self._find(ticket, browser, caller)
        return Invitation(
            request_id=request.id,
            email=request.user.email,
            provider_name=request.connection.provider.name,
            alias=request.connection.alias,
            is_asked=request.browser_hash is None and not _began_in_browser(request),
        )

    async def open(self, ticket: SecretStr, *, browser: Browser, opener: SecretStr, caller: Caller) -> str:
        """Give a link to a browser, which holds `opener` from now on, and answer where its user is sent.

        Opened again by the same browser, it leads there with a new state, and the earlier one is forgotten.

        Raises:
            AuthorizationNotPending, NotAllowed: as `examine` does.
            NotConnectable: nothing here speaks OAuth with the provider any more.
        """
        request = await self._find(ticket, browser, caller)
        adapter = self._oauth_adapter(request.connection.provider.key)
        state, verifier = new_token(Mark.STATE), new_verifier()
        opener_hash = hashed(opener.get_secret_value())
        sealed = await self._keys.seal(verifier, context=VERIFIER.context(request.id, request.user_id))
        # Of two browsers that open it at once, one statement decides.
        free = AuthorizationRequest.filter(Q(browser_hash=None) | Q(browser_hash=opener_hash), id=request.id)
        async with self._trail.transaction():
            changed = await free.filter(expires_at__gt=datetime.now(UTC)).update(
                browser_hash=opener_hash,
                state_hash=hashed(state.get_secret_value()),
                verifier_sealed=sealed.value,
                key_id=sealed.key_id,
            )
            if not changed:
                raise AuthorizationNotPending("another browser was quicker")
            await self._record("authorization.opened", Outcome.SUCCEEDED, request, caller)
        return adapter.authorization_url(
            state=state,
            challenge=challenge_of(verifier),
            redirect_uri=redirect_uri(self._callback_url, adapter.profile.key),
        )

    def _oauth_adapter(self, provider_key: str) -> OAuthAdapter:
        adapter = self._registry.get_usable(provider_key)
        if isinstance(adapter, OAuthAdapter):
            return adapter
        if isinstance(adapter, SecretAdapter):
            names = ", ".join(field.name for field in adapter.fields)
            raise InvalidBody(
                parts=[("secrets", f"Expected {names}: this provider gave you something to copy")]
            )
        raise NotConnectable(f"nothing here can ask {provider_key}")

    async def _queue_up(self, user_id: UUID) -> None:
        """Let the links of one user be made one by one, so that they can be counted; forget what has expired."""
        expired = (
            AuthorizationRequest.filter(expires_at__lte=datetime.now(UTC))
            .order_by("id")
            .limit(_MAX_FORGOTTEN)
        )
        ids = [request.id for request in await expired.select_for_update(skip_locked=True)]
        await AuthorizationRequest.filter(id__in=ids).delete()
        await lock_owner(user_id)

    async def _make_link(self, asker: Asker, connection: ProviderConnection, return_path: str) -> Link:
        await _refuse_too_many(asker.user_id)
        ticket, expires_at = new_token(Mark.CONNECT), datetime.now(UTC) + AUTHORIZATION_TTL
        request = await AuthorizationRequest.create(
            user_id=asker.user_id,
            connection=connection,
            session_id=asker.session_id,
            ticket_hash=hashed(ticket.get_secret_value()),
            return_path=return_path,
            expires_at=expires_at,
        )
        await self._record(
            "authorization.started", Outcome.SUCCEEDED, request, asker.caller, connection=connection
        )
        await connection.fetch_related("provider")
        return Link(connection, request.id, ticket, expires_at)

    async def _find(self, ticket: SecretStr, browser: Browser, caller: Caller) -> AuthorizationRequest:
        waiting = AuthorizationRequest.filter(
            ticket_hash=hashed(ticket.get_secret_value()), expires_at__gt=datetime.now(UTC)
        )
        request = await waiting.select_related("user", "session", "connection__provider").first()
        if request is None:
            await self._record("authorization.opened", Outcome.DENIED, None, caller, reason="not_pending")
            raise AuthorizationNotPending("no link of this ticket waits")
        identity = await identify(self._identities, browser)
        if reason := _objection(request, browser, identity):
            await self._record("authorization.opened", Outcome.DENIED, request, caller, reason=reason)
            raise NotAllowed(f"the link is not for this browser: {reason}")
        return request

    async def _record(
        self,
        action: str,
        outcome: Outcome,
        request: AuthorizationRequest | None,
        caller: Caller,
        *,
        connection: ProviderConnection | None = None,
        reason: str | None = None,
    ) -> None:
        about = connection or (request.connection if request else None)
        is_theirs = request is not None and outcome is Outcome.SUCCEEDED
        await self._trail.record(
            action,
            outcome,
            actor=user_actor(request.user_id) if request and is_theirs else ANONYMOUS,
            user_id=request.user_id if request else None,
            connection_id=about.id if about else None,
            provider_id=about.provider_id if about else None,
            caller=caller,
            details={} if reason is None else {"reason": reason},
        )


async def _refuse_too_many(user_id: UUID) -> None:
    now = datetime.now(UTC)
    waiting = await AuthorizationRequest.filter(user_id=user_id, expires_at__gt=now).order_by("expires_at")
    if len(waiting) >= MAX_OPEN:
        seconds = ceil((waiting[0].expires_at - now).total_seconds())
        raise TooManyRequests(f"{MAX_OPEN} links wait already", headers={"Retry-After": str(seconds)})


async def identify(identities: Identities, browser: Browser) -> Identity | None:
    """Who a browser is signed in as; None: nobody."""
    if browser.session is None:
        return None
    try:
        return await identities.identify(browser.session)
    except NotAuthenticated:
        return None


def redirect_uri(callback_url: str, provider_key: str) -> str:
    """Where a provider sends its answers: a path of its own for each, so that none can be taken for another's."""
    return f"{callback_url}/callback/{provider_key}"


def _began_in_browser(request: AuthorizationRequest) -> bool:
    return request.session is not None and request.session.kind is SessionKind.BROWSER


def _objection(request: AuthorizationRequest, browser: Browser, identity: Identity | None) -> str | None:
    """Why a browser may not open a link, in a word; None: it may."""
    if request.user.role is Role.READ_ONLY:
        return "read_only"
    if request.session is not None and request.session.expires_at <= datetime.now(UTC):
        return "signed_out"
    if identity is not None and identity.user_id != request.user_id:
        return "another_user"
    if _began_in_browser(request) and (identity is None or identity.session_id != request.session_id):
        return "another_browser"
    opener = browser.openers.get(request.id)
    if request.browser_hash is not None and not (
        opener and hmac.compare_digest(hashed(opener.get_secret_value()), request.browser_hash)
    ):
        return "another_browser"
    return None
