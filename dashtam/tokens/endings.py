"""What is written after a refresh, whatever came of it; each ending is fenced by the version that was read."""

from datetime import UTC, datetime
from typing import Any, Final

from tortoise import connections

from dashtam.audit.trail import SYSTEM, AuditTrail
from dashtam.models import ConnectionReason, ConnectionStatus, Outcome, ProviderConnection, ProviderToken
from dashtam.providers.base import Profile, TokenGrant
from dashtam.providers.errors import ClientRefused, ProviderFailure, ResponseUnusable
from dashtam.sealing.keys import Keys
from dashtam.tokens.expiry import (
    MISCONFIGURED_PAUSE,
    RARE_PAUSE,
    UNUSABLE_LIMIT,
    holds,
    missing_scopes,
    pause,
)
from dashtam.tokens.revocations import queue_grant
from dashtam.tokens.store import Stored, replace_grant

# Written out, as tokens.py does: it is part of every refresh.
_LOCK: Final = "SELECT status, reason FROM provider_connections WHERE id = $1 FOR UPDATE"
KEPT_TRYING: Final = frozenset(
    {ConnectionReason.CLIENT_REFUSED, ConnectionReason.PROVIDER_FAILING, ConnectionReason.UNREADABLE}
)
"""A connection that failed for one of these comes back by itself."""


def is_alive(status: str, reason: str | None) -> bool:
    """Whether a connection has a token, or may have one again without its user."""
    return status == ConnectionStatus.ACTIVE or (status == ConnectionStatus.FAILED and reason in KEPT_TRYING)


class RefreshEndings:
    """Writes tokens, connections and the audit trail in one database transaction each."""

    def __init__(self, keys: Keys, trail: AuditTrail) -> None:
        self._keys = keys
        self._trail = trail

    async def store(self, stored: Stored, grant: TokenGrant, profile: Profile) -> int | None:
        """Put the next grant in the place of what was read; answers its version.

        None: somebody else replaced it, or its user ended the connection, and nothing was changed.
        """
        async with self._trail.transaction():
            standing = await self._lock(stored)
            if standing is None:
                return None
            version = await replace_grant(stored, grant, keys=self._keys, profile=profile)
            if version is None:
                return None
            missing = missing_scopes(grant.scope, profile)
            if missing:
                await self._move(stored, standing, ConnectionStatus.FAILED, ConnectionReason.SCOPE_MISSING)
            else:
                await self._move(stored, standing, ConnectionStatus.ACTIVE, None)
            details: dict[str, Any] = {"version": version}
            if set(grant.scope.split()) != set(stored.scope.split()):
                details["scope"] = grant.scope
            await self._record("token.refreshed", Outcome.SUCCEEDED, stored, details)
        return version

    async def end(self, stored: Stored, reason: ConnectionReason) -> bool:
        """Expire the connection: its user has to connect again. The refresher tells them, once.

        Whether it was as it was read; otherwise nothing was changed.
        """
        changes = {"refresh_due_at": datetime.now(UTC), "refresh_failure": reason.value}
        return await self._change(stored, ConnectionStatus.EXPIRED, reason, changes)

    async def spoil(self, stored: Stored) -> bool:
        """Fail a connection whose stored token does not open; it comes back when the key does."""
        if stored.reason == ConnectionReason.UNREADABLE:
            return False
        changes = {"refresh_failure": ConnectionReason.UNREADABLE.value}
        return await self._change(stored, ConnectionStatus.FAILED, ConnectionReason.UNREADABLE, changes)

    async def revive(self, stored: Stored, due_at: datetime | None) -> bool:
        """Make a connection active again whose token turned out to be good."""
        changes = {"refresh_failure": None, "refresh_failures": 0, "refresh_due_at": due_at}
        return await self._change(stored, ConnectionStatus.ACTIVE, None, changes)

    async def postpone(self, stored: Stored, failure: ProviderFailure) -> None:
        """Keep the tokens and try again later; where nothing valid is left meanwhile, the connection says so.

        Of the failures of one series the first is audited, and whatever moves the connection: the trail is never
        emptied.
        """
        now, failures = datetime.now(UTC), stored.refresh_failures + 1
        wait = pause(failures, retry_after=failure.retry_after)
        status, reason = ConnectionStatus(stored.status), stored.reason
        if isinstance(failure, ClientRefused):
            wait = max(wait, MISCONFIGURED_PAUSE)
            status, reason = ConnectionStatus.FAILED, ConnectionReason.CLIENT_REFUSED
        elif not holds(stored.expires_at, now):
            status, reason = ConnectionStatus.FAILED, ConnectionReason.PROVIDER_FAILING
        if isinstance(failure, ResponseUnusable) and failures >= UNUSABLE_LIMIT:
            wait = max(wait, RARE_PAUSE)
        changes = {
            "refresh_due_at": now + wait,
            "refresh_failures": failures,
            "refresh_failure": failure.detail[:64],
        }
        if (status, reason) != (stored.status, stored.reason):
            await self._change(stored, status, ConnectionReason(reason) if reason else None, changes)
            return
        async with self._trail.transaction():
            changed = await ProviderToken.filter(id=stored.token_id, version=stored.version).update(**changes)
            if changed and failures == 1:
                await self._record("token.refreshed", Outcome.FAILED, stored, {"reason": failure.detail})

    async def discard(self, stored: Stored, grant: TokenGrant, *, is_revoked: bool) -> None:
        """Say that a grant came too late to be stored, and queue its revocation where nobody else lives by it."""
        async with self._trail.transaction():
            if is_revoked:
                whose = ProviderConnection(  # in memory only: the row may be gone
                    id=stored.connection_id, user_id=stored.user_id, provider_id=stored.provider_id
                )
                await queue_grant(whose, grant, keys=self._keys)
            details = {"version": stored.version, "revoked": is_revoked}
            await self._record("token.discarded", Outcome.SUCCEEDED, stored, details)

    async def _change(
        self,
        stored: Stored,
        status: ConnectionStatus,
        reason: ConnectionReason | None,
        changes: dict[str, Any],
    ) -> bool:
        action = {
            ConnectionStatus.ACTIVE: "connection.recovered",
            ConnectionStatus.EXPIRED: "connection.expired",
            ConnectionStatus.FAILED: "connection.failed",
        }[status]
        async with self._trail.transaction():
            standing = await self._lock(stored)
            if standing is None:
                return False
            if not await ProviderToken.filter(id=stored.token_id, version=stored.version).update(**changes):
                return False
            await self._move(stored, standing, status, reason)
            details = {"reason": reason.value if reason else None, "failure": changes["refresh_failure"]}
            await self._record(action, Outcome.SUCCEEDED, stored, details)
        return True

    async def _lock(self, stored: Stored) -> tuple[str, str | None] | None:
        """Status and reason of the connection, locked before its token as everybody does; None: its user ended it."""
        rows = await connections.get("default").execute_query_dict(_LOCK, [stored.connection_id])
        if not rows or not is_alive(rows[0]["status"], rows[0]["reason"]):
            return None
        return rows[0]["status"], rows[0]["reason"]

    async def _move(
        self,
        stored: Stored,
        standing: tuple[str, str | None],
        status: ConnectionStatus,
        reason: ConnectionReason | None,
    ) -> None:
        if standing != (status, reason):
            await ProviderConnection.filter(id=stored.connection_id).update(status=status, reason=reason)

    async def _record(self, action: str, outcome: Outcome, stored: Stored, details: dict[str, Any]) -> None:
        await self._trail.record(
            action,
            outcome,
            actor=SYSTEM,
            user_id=stored.user_id,
            connection_id=stored.connection_id,
            provider_id=stored.provider_id,
            details=details,
        )
