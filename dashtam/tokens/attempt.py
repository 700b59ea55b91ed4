"""One refresh, by whoever has the turn: ask the provider, and store what it granted before anybody uses it."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
from pydantic import SecretStr

from dashtam.audit.trail import AuditTrail
from dashtam.errors import NotFound
from dashtam.logs.pipeline import get_logger
from dashtam.models import Authorization, ConnectionReason
from dashtam.providers.base import OAuthAdapter, Profile, TokenGrant
from dashtam.providers.errors import (
    ClientRefused,
    GrantRefused,
    NotConnected,
    ProviderFailure,
    ProviderNotReady,
)
from dashtam.providers.registry import Registry
from dashtam.sealing.errors import SealError
from dashtam.sealing.keys import Keys
from dashtam.tokens.circuits import Circuits
from dashtam.tokens.endings import RefreshEndings, is_alive
from dashtam.tokens.expiry import complete, holds, is_due, next_look
from dashtam.tokens.revocations import revoke_due
from dashtam.tokens.store import Stored, find_stored, open_stored

# What a query says whose server is away or goes away under it, or that somebody else's lock keeps waiting too long.
UNAVAILABLE: Final = (
    *(OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError),
    *(asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError),
    *(asyncpg.LockNotAvailableError, asyncpg.TransactionRollbackError),
)
RESPONSE_LOST: Final = frozenset({"answer_lost", "too_large"})
"""Details of a failure after which the provider may have done what it was asked (outgoing/errors.py)."""
_log = get_logger(__name__)


@dataclass(frozen=True)
class ValidToken:
    """An access token that may be used now; it does not show in its repr."""

    access_token: SecretStr
    expires_at: datetime | None
    scope: str
    version: int


@dataclass(frozen=True)
class Limits:
    """How long a provider may take, and how often and how soon a store is tried again while PostgreSQL is away."""

    call: timedelta = timedelta(seconds=20)
    stores: int = 20
    pause: timedelta = timedelta(milliseconds=500)


LIVE: Final = Limits()


def is_same(token: SecretStr, other: SecretStr | None) -> bool:
    """Whether two tokens are one, in a time that tells nothing."""
    return other is not None and secrets.compare_digest(
        token.get_secret_value().encode(), other.get_secret_value().encode()
    )


class RefreshAttempts:
    """Runs refreshes; who may run one, and when, is refreshes.py's business."""

    def __init__(
        self,
        keys: Keys,
        endings: RefreshEndings,
        circuits: Circuits,
        registry: Registry,
        trail: AuditTrail,
        *,
        limits: Limits = LIVE,
    ) -> None:
        self._keys = keys
        self._endings = endings
        self._circuits = circuits
        self._registry = registry
        self._trail = trail
        self._limits = limits

    def profile_of(self, stored: Stored) -> Profile:
        """What is known of the provider of a connection; the usual, where this release has no adapter for it."""
        adapter = self._registry.find(stored.provider_key)
        return adapter.profile if adapter else Profile(stored.provider_key, "", "", "", Authorization.NONE)

    async def run(
        self, stored: Stored, rejected: SecretStr | None, *, is_claimed: bool = False
    ) -> ValidToken:
        """Refresh what was read, if it has to be; answers what may be used then.

        Raises:
            As Refreshes.get_valid.
        """
        try:
            grant = await open_stored(stored, self._keys)
        except SealError:
            await self._endings.spoil(stored)
            raise
        now, profile = datetime.now(UTC), self.profile_of(stored)
        is_rejected = is_same(grant.access_token, rejected)
        if not is_rejected and not is_due(stored.lifetimes, profile, now):
            if stored.reason == ConnectionReason.UNREADABLE:
                await self._endings.revive(stored, next_look(stored.lifetimes, profile))
            return _usable(stored, grant)
        is_usable = not is_rejected and holds(grant.expires_at, now)
        try:
            return await self._refresh(stored, grant, profile, is_usable=is_usable, is_claimed=is_claimed)
        except ProviderFailure:
            if is_usable and await self._read(stored):
                return _usable(stored, grant)  # it is near its end, and better than nothing
            raise

    async def _refresh(
        self, stored: Stored, grant: TokenGrant, profile: Profile, *, is_usable: bool, is_claimed: bool
    ) -> ValidToken:
        if grant.refresh_token is None:
            spent = ConnectionReason.ACCESS_EXPIRED
            if not is_usable and holds(grant.expires_at, datetime.now(UTC)):
                spent = ConnectionReason.GRANT_REFUSED
            return await self._give_up(stored, spent, is_usable=is_usable)
        if not holds(grant.refresh_expires_at, datetime.now(UTC)):
            return await self._give_up(stored, ConnectionReason.REFRESH_EXPIRED, is_usable=is_usable)
        if not is_claimed:
            _refuse_in_pause(stored)
        adapter, has_failed = await self._admit(stored)
        began = datetime.now(UTC)
        answered = await self._ask(adapter, stored, grant, profile)
        if has_failed:
            await self._circuits.answered(stored.provider_key)
        if answered is None:
            return await self._recover(stored, grant)
        granted = complete(answered, profile=profile, earlier=grant, began=answered.granted_at or began)
        return await self._store(stored, grant, granted, profile)

    async def _admit(self, stored: Stored) -> tuple[OAuthAdapter, bool]:
        """The adapter that may ask the provider now, and whether it failed before.

        Raises:
            ClientRefused: nothing here speaks to it, or the settings lack what it asks of an installation.
            ProviderFailure: it is left alone for now.
        """
        adapter = self._registry.find(stored.provider_key)
        try:
            if not isinstance(adapter, OAuthAdapter) or not adapter.is_configured:
                raise ClientRefused(f"nothing speaks to {stored.provider_key} here", detail="not_connectable")
            has_failed = await self._circuits.admit(stored.provider_key)
        except ProviderFailure as failure:
            await self._endings.postpone(stored, failure)
            raise
        return adapter, has_failed

    async def _give_up(self, stored: Stored, reason: ConnectionReason, *, is_usable: bool) -> ValidToken:
        if not is_usable:
            await self._endings.end(stored, reason)
        raise NotConnected(
            f"the connection {stored.connection_id} ended: {reason.value}", detail=reason.value
        )

    async def _ask(
        self, adapter: OAuthAdapter, stored: Stored, grant: TokenGrant, profile: Profile
    ) -> TokenGrant | None:
        """Ask for the next grant; None: the provider refused this one."""
        try:
            return await self._ask_again_if_lost(adapter, grant, profile)
        except GrantRefused:
            return None
        except ProviderFailure as failure:
            await self._circuits.failed(stored.provider_key, failure)
            await self._endings.postpone(stored, failure)
            raise

    async def _ask_again_if_lost(
        self, adapter: OAuthAdapter, grant: TokenGrant, profile: Profile
    ) -> TokenGrant:
        """Ask, and once more where the answer was lost and the provider takes a replaced token that soon."""
        began = datetime.now(UTC)
        try:
            return await self._ask_once(adapter, grant)
        except ProviderFailure as failure:
            if failure.detail not in RESPONSE_LOST or datetime.now(UTC) - began >= profile.grace:
                raise
        return await self._ask_once(adapter, grant)

    async def _ask_once(self, adapter: OAuthAdapter, grant: TokenGrant) -> TokenGrant:
        try:
            async with asyncio.timeout(self._limits.call.total_seconds()):
                return await adapter.refresh(grant)
        except TimeoutError:
            late = f"{adapter.profile.key} did not answer within {self._limits.call}"
            raise ProviderNotReady(late, detail="answer_lost") from None

    async def _store(
        self, stored: Stored, earlier: TokenGrant, granted: TokenGrant, profile: Profile
    ) -> ValidToken:
        """Store a grant, whatever the database goes through; where it may not be stored, do not leave it alive."""
        for _ in range(self._limits.stores):
            try:
                version = await self._endings.store(stored, granted, profile)
                if version is not None:
                    return self._stored(stored, granted, profile, version)
                current = await self._read(stored)
                if current is None:
                    break
                held = await open_stored(current, self._keys)
            except UNAVAILABLE as error:
                # The provider has replaced the earlier pair: giving up here would end the connection.
                _log.error(
                    "new tokens not stored yet", connection=str(stored.connection_id), reason=str(error)
                )
                await asyncio.sleep(self._limits.pause.total_seconds())
                continue
            if is_same(held.access_token, granted.access_token):  # our own, whose commit was never confirmed
                return _usable(current, held)
            if not _is_same_grant(held, earlier):
                # Somebody else's is newer. Ours is not revoked: many providers would end theirs with it.
                await self._endings.discard(stored, granted, is_revoked=False)
                return _usable(current, held)
            stored = current  # the same grant, only stored anew
        else:
            raise ProviderNotReady("the database is away, and the new tokens are lost", detail="not_stored")
        await self._endings.discard(stored, granted, is_revoked=True)
        await revoke_due(
            registry=self._registry,
            keys=self._keys,
            trail=self._trail,
            connection_ids=[stored.connection_id],
        )
        raise NotConnected(f"the connection {stored.connection_id} ended meanwhile", detail="disconnected")

    def _stored(self, stored: Stored, granted: TokenGrant, profile: Profile, version: int) -> ValidToken:
        if not profile.required_scopes <= set(granted.scope.split()):
            raise NotConnected(
                f"{stored.provider_key} granted less than is needed",
                detail=ConnectionReason.SCOPE_MISSING.value,
            )
        return ValidToken(granted.access_token, granted.expires_at, granted.scope, version)

    async def _recover(self, stored: Stored, refused: TokenGrant) -> ValidToken:
        """Look whether the grant that was refused is still what is stored; where it is, it is dead."""
        for _ in range(self._limits.stores):
            current = await self._read(stored)
            if current is None:
                break
            held = await open_stored(current, self._keys)
            if not _is_same_grant(held, refused):
                return _usable(current, held)
            if await self._endings.end(current, ConnectionReason.GRANT_REFUSED):
                break
        raise NotConnected(
            f"{stored.provider_key} refused the grant of {stored.connection_id}",
            detail=ConnectionReason.GRANT_REFUSED.value,
        )

    async def _read(self, stored: Stored) -> Stored | None:
        """What is stored now; None: its user ended the connection, or left."""
        try:
            current = await find_stored(stored.connection_id)
        except NotFound:
            return None
        is_there = current.token_id is not None and is_alive(current.status, current.reason)
        return current if is_there else None


def _usable(stored: Stored, grant: TokenGrant) -> ValidToken:
    return ValidToken(grant.access_token, grant.expires_at, grant.scope, stored.version)


def _is_same_grant(held: TokenGrant, earlier: TokenGrant) -> bool:
    """Whether a stored grant is the one that was sent, however it is sealed by now."""
    if held.refresh_token is None or earlier.refresh_token is None:
        return False
    return is_same(held.refresh_token, earlier.refresh_token) and is_same(
        held.access_token, earlier.access_token
    )


def _refuse_in_pause(stored: Stored) -> None:
    """Leave a provider alone that failed a moment ago.

    Raises:
        ClientRefused, ProviderNotReady: what it failed with, and when it is asked again.
    """
    now = datetime.now(UTC)
    if stored.refresh_failures and stored.refresh_due_at is not None and stored.refresh_due_at > now:
        kind = ClientRefused if stored.reason == ConnectionReason.CLIENT_REFUSED else ProviderNotReady
        why = stored.refresh_failure or ""
        raise kind(
            f"{stored.provider_key} failed {stored.refresh_failures} times: {why}",
            detail=why,
            retry_after=stored.refresh_due_at - now,
        )
