"""What becomes of the answers that providers send to the callback: each is taken once, checked, and exchanged.

The order is what keeps us safe: one statement takes the request that the answer belongs to, and commits, before
anything is looked at, so that neither a second answer nor a crash can use it again. Nothing is sent to a provider
before every check has passed.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn
from uuid import UUID

from pydantic import SecretStr
from tortoise import connections

from dashtam.audit.caller import Caller
from dashtam.audit.trail import ANONYMOUS, AuditTrail, user_actor
from dashtam.cache import Cache, callbacks, refused_callbacks
from dashtam.connections.authorizations import identify, redirect_uri
from dashtam.connections.browsers import Browser
from dashtam.connections.errors import AuthorizationNotPending
from dashtam.connections.lifecycle import lock_connection
from dashtam.connections.outcomes import RedirectRejected, audit_outcome, audit_reason, error_for, reason_of
from dashtam.errors import DashtamError, NotFound, TooManyRequests
from dashtam.identity.identities import Identities
from dashtam.logs.pipeline import get_logger
from dashtam.models import ConnectionReason, ConnectionStatus, Outcome, ProviderConnection, Role, SessionKind
from dashtam.providers.base import OAuthAdapter, TokenGrant
from dashtam.providers.errors import (
    NotConnectable,
    ProviderFailure,
    ProviderNotReady,
    ResponseUnusable,
    ScopeMissing,
)
from dashtam.providers.registry import Registry
from dashtam.sealing.columns import VERIFIER
from dashtam.sealing.keys import Keys
from dashtam.security.tokens import hashed
from dashtam.tokens import revocations
from dashtam.tokens.store import store_grant

MAX_REFUSED: Final = 30
"""Audited refusals of one address in a minute: the audit trail is never emptied, so a stranger must not fill it."""
MAX_ANSWERS: Final = 120
"""Answers of one address in a minute, whatever becomes of them."""
_WINDOW: Final = timedelta(minutes=1)
_EXCHANGE_SECONDS: Final = 20.0
_TAKE: Final = """
WITH taken AS (
    DELETE FROM authorization_requests
    WHERE state_hash = $1 AND browser_hash = ANY($2::text[]) AND expires_at > $3 RETURNING *)
SELECT t.id, t.user_id, t.connection_id, t.session_id, t.verifier_sealed, t.return_path, c.provider_id,
       p.key AS provider_key, u.role, s.kind AS session_kind, s.expires_at AS session_expires_at
FROM taken t JOIN provider_connections c ON c.id = t.connection_id JOIN providers p ON p.id = c.provider_id
     JOIN users u ON u.id = t.user_id LEFT JOIN sessions s ON s.id = t.session_id
"""
_log = get_logger(__name__)


@dataclass(frozen=True)
class Redirect:
    """What a provider's redirect says: a code or an error, for one state."""

    state: SecretStr
    code: SecretStr | None = None
    error: str | None = None
    issuer: str | None = None


@dataclass(frozen=True)
class Ending:
    """How an authorization request ended; `failure` None: the connection is active."""

    request_id: UUID
    return_path: str
    failure: DashtamError | None = None


@dataclass(frozen=True)
class _Taken:
    """A request that is over, whatever happens now."""

    id: UUID
    user_id: UUID
    connection_id: UUID
    session_id: UUID | None
    provider_id: UUID
    provider_key: str
    return_path: str
    role: Role
    session_kind: SessionKind | None
    session_expires_at: datetime | None
    verifier: SecretStr


class Callbacks:
    """Takes providers' answers."""

    def __init__(
        self,
        registry: Registry,
        cache: Cache,
        keys: Keys,
        trail: AuditTrail,
        identities: Identities,
        *,
        callback_url: str,
    ) -> None:
        self._registry = registry
        self._cache = cache
        self._keys = keys
        self._trail = trail
        self._identities = identities
        self._callback_url = callback_url
        self._running: set[asyncio.Task[Ending]] = set()

    async def take(
        self, *, provider_key: str, answer: Redirect | None, browser: Browser, caller: Caller
    ) -> Ending:
        """Take an answer; None: one that cannot be understood.

        A browser that goes away meanwhile changes nothing: what has begun is brought to its end.

        Raises:
            AuthorizationNotPending: no request waits for it, in this browser.
            TooManyRequests: this address sends too many.
            CacheNotReady: nobody can be counted, so nothing was taken.
            SealError: the key of the verifier is missing; nothing was taken.
        """
        await self._count(caller)
        if answer is None:
            await self._refuse(provider_key, caller, reason="malformed")
        taken = await self._take(answer, browser)
        if taken is None:
            await self._refuse(provider_key, caller, reason="not_pending")
        going_on = asyncio.create_task(self._go_on(taken, provider_key, answer, browser, caller))
        self._running.add(going_on)
        going_on.add_done_callback(self._running.discard)
        return await asyncio.shield(going_on)

    async def _count(self, caller: Caller) -> None:
        if await self._cache.count(callbacks(caller.ip or "unknown"), window=_WINDOW) > MAX_ANSWERS:
            raise TooManyRequests(f"more than {MAX_ANSWERS} callbacks in {_WINDOW}")

    async def _refuse(self, provider_key: str, caller: Caller, *, reason: str) -> NoReturn:
        """Refuse what nothing waits for: whether it is unknown, used, expired or another browser's looks the same."""
        if await self._cache.count(refused_callbacks(caller.ip or "unknown"), window=_WINDOW) > MAX_REFUSED:
            raise TooManyRequests(f"more than {MAX_REFUSED} callbacks refused in {_WINDOW}")
        await self._trail.record(
            "authorization.refused",
            Outcome.DENIED,
            actor=ANONYMOUS,
            caller=caller,
            details={"provider_key": provider_key, "reason": reason},
        )
        raise AuthorizationNotPending(f"nothing waits for an answer of {provider_key}: {reason}")

    async def _take(self, answer: Redirect, browser: Browser) -> _Taken | None:
        openers = [hashed(opener.get_secret_value()) for opener in browser.openers.values()]
        state_hash = hashed(answer.state.get_secret_value())
        async with self._trail.transaction():
            rows = await connections.get("default").execute_query_dict(
                _TAKE, [state_hash, openers, datetime.now(UTC)]
            )
            # A verifier that does not open rolls this back: the request waits until the key is there again.
            return await self._opened(rows[0]) if rows else None

    async def _opened(self, row: dict[str, Any]) -> _Taken:
        place = VERIFIER.context(row["id"], row["user_id"])
        verifier = await self._keys.open(bytes(row.pop("verifier_sealed")), context=place)
        kind = row.pop("session_kind")
        return _Taken(
            verifier=verifier,
            role=Role(row.pop("role")),
            session_kind=None if kind is None else SessionKind(kind),
            **row,
        )

    async def _go_on(
        self, taken: _Taken, provider_key: str, answer: Redirect, browser: Browser, caller: Caller
    ) -> Ending:
        try:
            adapter = await self._check(taken, provider_key, answer, browser)
            grant = await self._exchange(taken, adapter, answer)
        except DashtamError as error:
            await self._fail(taken, error, caller)
            return Ending(taken.id, taken.return_path, error)
        try:
            failure = await self._keep(taken, adapter, grant, caller)
        except BaseException:
            # Nobody here will ever know this grant: the provider may as well forget it.
            await _revoke_unstored(adapter, grant)
            raise
        return Ending(taken.id, taken.return_path, failure)

    async def _check(
        self, taken: _Taken, provider_key: str, answer: Redirect, browser: Browser
    ) -> OAuthAdapter:
        identity = await identify(self._identities, browser)
        adapter = self._registry.get_usable(taken.provider_key)
        if not isinstance(adapter, OAuthAdapter):
            raise NotConnectable(f"{taken.provider_key} does not speak OAuth")
        objections = {
            "another_provider": taken.provider_key != provider_key,
            "read_only": taken.role is Role.READ_ONLY,
            "signed_out": taken.session_expires_at is not None
            and taken.session_expires_at <= datetime.now(UTC),
            "another_user": identity is not None and identity.user_id != taken.user_id,
            "another_session": taken.session_kind is SessionKind.BROWSER
            and (identity is None or identity.session_id != taken.session_id),
            # RFC 9207, 2.4: compared as it stands, and what comes with another one is not believed in anything.
            "another_issuer": answer.issuer != adapter.issuer,
        }
        if reason := next((name for name, is_so in objections.items() if is_so), None):
            raise RedirectRejected(reason)
        return adapter

    async def _exchange(self, taken: _Taken, adapter: OAuthAdapter, answer: Redirect) -> TokenGrant:
        if answer.code is None:
            raise error_for(answer.error or "")
        try:
            async with asyncio.timeout(_EXCHANGE_SECONDS):
                return await adapter.exchange(
                    answer.code,
                    verifier=taken.verifier,
                    redirect_uri=redirect_uri(self._callback_url, taken.provider_key),
                )
        except TimeoutError:
            raise ProviderNotReady(f"{taken.provider_key} took more than {_EXCHANGE_SECONDS} s") from None
        except DashtamError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is
            # The code is spent, and the connection has to say that it did not come to be.
            _log.error("an adapter failed in a way of its own", exc_info=error)
            raise ResponseUnusable(f"the adapter of {taken.provider_key} has a defect") from None

    async def _keep(
        self, taken: _Taken, adapter: OAuthAdapter, grant: TokenGrant, caller: Caller
    ) -> DashtamError | None:
        """Store a grant, or queue its end where it is of no use."""
        missing = adapter.profile.required_scopes - set(grant.scope.split())
        async with self._trail.transaction():
            connection, is_wanted = await _lock(taken)
            if is_wanted and not missing:
                await store_grant(
                    connection.id, grant, keys=self._keys, trail=self._trail, profile=adapter.profile
                )
                await self._record(taken, Outcome.SUCCEEDED, caller, None)
                return None
            await revocations.queue_grant(connection, grant, keys=self._keys)
        failure = (
            ScopeMissing(f"{taken.provider_key} did not grant {' '.join(sorted(missing))}")
            if is_wanted
            else RedirectRejected("disconnected")
        )
        await self._fail(taken, failure, caller)
        return failure

    async def _fail(self, taken: _Taken, error: DashtamError, caller: Caller) -> None:
        """Say in the connection why it did not come to be; one that works goes on working."""
        _log.warning("authorization failed", connection_id=str(taken.connection_id), reason=str(error))
        async with self._trail.transaction():
            pending = ProviderConnection.filter(id=taken.connection_id, status=ConnectionStatus.PENDING)
            connection = await pending.select_for_update().first()
            if connection is not None:
                connection.status, connection.reason = ConnectionStatus.FAILED, reason_of(error)
                await connection.save(update_fields=["status", "reason", "updated_at"])
            await self._record(taken, audit_outcome(error), caller, audit_reason(error))

    async def _record(self, taken: _Taken, outcome: Outcome, caller: Caller, reason: str | None) -> None:
        is_theirs = outcome is Outcome.SUCCEEDED
        await self._trail.record(
            "authorization.completed",
            outcome,
            actor=user_actor(taken.user_id) if is_theirs else ANONYMOUS,
            user_id=taken.user_id,
            connection_id=taken.connection_id,
            provider_id=taken.provider_id,
            caller=caller,
            details={} if reason is None else {"reason": reason},
        )


async def _lock(taken: _Taken) -> tuple[ProviderConnection, bool]:
    """Lock the connection, and say whether its user still wants it: it may be gone, and they with it."""
    try:
        connection = await lock_connection(taken.user_id, taken.connection_id)
    except NotFound:
        ids = {"id": taken.connection_id, "user_id": taken.user_id, "provider_id": taken.provider_id}
        return ProviderConnection(**ids), False
    return connection, connection.reason is not ConnectionReason.DISCONNECTED


async def _revoke_unstored(adapter: OAuthAdapter, grant: TokenGrant) -> None:
    token, hint = (
        (grant.access_token, "access_token")
        if grant.refresh_token is None
        else (grant.refresh_token, "refresh_token")
    )
    try:
        await adapter.revoke(token, hint=hint)
    except ProviderFailure as error:
        _log.warning("a grant that was not stored lives on at its provider", reason=str(error))
