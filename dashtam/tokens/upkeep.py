"""What is done while nobody asks: tokens refreshed ahead of time, users told, and what has expired removed."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tortoise import connections

from dashtam.audit.trail import SYSTEM, AuditTrail
from dashtam.errors import CacheNotReady, DashtamError, NotFound
from dashtam.logs.pipeline import get_logger
from dashtam.mail import Mailer
from dashtam.mail.email import Email
from dashtam.mail.errors import MailNotSent, MailRefused
from dashtam.models import (
    AuthorizationRequest,
    ConnectionStatus,
    OneTimeCode,
    Outcome,
    ProviderConnection,
    ProviderToken,
    StoredAnswer,
    UserSession,
)
from dashtam.providers.errors import ProviderFailure
from dashtam.tokens.attempt import UNAVAILABLE
from dashtam.tokens.emails import connection_ending_email, connection_expired_email
from dashtam.tokens.endings import is_alive
from dashtam.tokens.expiry import next_look, warns_at
from dashtam.tokens.refreshing import Refreshes
from dashtam.tokens.store import Stored, find_stored

LEASE: Final = timedelta(minutes=2)
"""How long a connection is one process' to see to; what a killed one had claimed is another's after that."""
SIDE_BY_SIDE: Final = 10
_MAIL_PAUSE: Final = timedelta(minutes=10)
# Whoever claims moves the time, so that nothing is locked while a provider is asked, and no two take the same.
_LEASE_DUE: Final = """
UPDATE provider_tokens SET refresh_due_at = $2 WHERE id IN (
    SELECT id FROM provider_tokens WHERE refresh_due_at <= $1 ORDER BY refresh_due_at, id LIMIT $3
    FOR UPDATE SKIP LOCKED)
RETURNING connection_id
"""
_PURGE_BATCH: Final = 1000
_Expiring = AuthorizationRequest | UserSession | OneTimeCode | StoredAnswer
_PURGED: Final[tuple[type[_Expiring], ...]] = (AuthorizationRequest, UserSession, OneTimeCode, StoredAnswer)
_log = get_logger(__name__)


class _Queue:
    """Claims what is due, no more at once than is begun at once, so that a lease covers the work."""

    def __init__(self) -> None:
        self.taken = 0
        self._waiting: list[tuple[UUID, datetime]] = []
        self._is_empty = False
        self._lock = asyncio.Lock()

    async def take(self) -> tuple[UUID, datetime] | None:
        """The next connection, and until when it is ours; None: there is no more."""
        async with self._lock:
            if not self._waiting and not self._is_empty:
                await self._lease()
            if not self._waiting:
                return None
            self.taken += 1
            return self._waiting.pop()

    async def _lease(self) -> None:
        now = datetime.now(UTC)
        values = [now, now + LEASE, SIDE_BY_SIDE]
        rows = await connections.get("default").execute_query_dict(_LEASE_DUE, values)
        self._is_empty = len(rows) < SIDE_BY_SIDE
        self._waiting = [(row["connection_id"], now + LEASE) for row in rows]


class Upkeep:
    """Sees to connections; any number of processes may, and they share the work."""

    def __init__(self, refreshes: Refreshes, trail: AuditTrail, mailer: Mailer) -> None:
        self._refreshes = refreshes
        self._trail = trail
        self._mailer = mailer

    async def refresh_due(self) -> int:
        """See to every connection that is due, ten side by side; answers how many there were."""
        queue = _Queue()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(SIDE_BY_SIDE):
                    group.create_task(self._work_off(queue))
        except ExceptionGroup as failures:  # of the claim, which fails for all of them alike
            raise failures.exceptions[0] from None
        return queue.taken

    async def _work_off(self, queue: "_Queue") -> None:
        while (claimed := await queue.take()) is not None:
            await self._refresh_one(*claimed)

    async def _refresh_one(self, connection_id: UUID, lease: datetime) -> None:
        try:
            await self._refresh_connection(connection_id, lease)
        except NotFound:
            pass  # its user left
        except ProviderFailure as failure:
            _log.info("connection not refreshed", connection=str(connection_id), reason=failure.detail)
        except (DashtamError, *UNAVAILABLE) as error:
            _log.warning("connection not seen to", connection=str(connection_id), reason=str(error))
        except Exception:  # noqa: BLE001  # whatever is wrong with one, the others are seen to
            _log.exception("connection not seen to", connection=str(connection_id))

    async def _refresh_connection(self, connection_id: UUID, lease: datetime) -> None:
        stored = await find_stored(connection_id)
        if stored.status == ConnectionStatus.EXPIRED:
            await self._tell_expired(stored, lease)
            return
        if not is_alive(stored.status, stored.reason):
            await self._set_due(stored, None, lease)
            return
        if await self._warn(stored):
            stored = await find_stored(connection_id)
        token = await self._refreshes.refresh_leased(stored)
        if token.version == stored.version:
            await self._plan(stored, lease)

    async def _plan(self, stored: Stored, lease: datetime) -> None:
        """Say when to look again at what was not refreshed; whatever is stored anew says it itself."""
        now = datetime.now(UTC)
        due_at = next_look(stored.lifetimes, self._refreshes.profile_of(stored))
        if due_at is not None and due_at <= now:  # nothing more can be done for it before its end
            due_at = max(stored.expires_at or lease, now + timedelta(seconds=1))
        await self._set_due(stored, due_at, lease)

    async def _warn(self, stored: Stored) -> bool:
        """Tell a user, once, that they will have to connect again soon; whether they were told now."""
        warn_at = warns_at(stored.lifetimes, self._refreshes.profile_of(stored))
        now = datetime.now(UTC)
        if warn_at is None or now < warn_at:
            return False
        ends_at = stored.refresh_expires_at or stored.expires_at
        if ends_at is None or ends_at <= now:
            return False  # too late to warn: they are told of the end
        connection = await _read(stored)
        letter = connection_ending_email(
            connection.user.email, connection.provider.name, connection.alias, ends_at=ends_at
        )
        if await self._send(stored, letter, "connection.ending_told") is None:
            return False
        await ProviderToken.filter(id=stored.token_id, version=stored.version).update(warned_at=now)
        return True

    async def _tell_expired(self, stored: Stored, lease: datetime) -> None:
        """Tell a user, once, that a connection has ended; where the mail server is away, later."""
        connection = await _read(stored)
        letter = connection_expired_email(connection.user.email, connection.provider.name, connection.alias)
        is_sent = await self._send(stored, letter, "connection.end_told")
        await self._set_due(stored, None if is_sent is not None else datetime.now(UTC) + _MAIL_PAUSE, lease)

    async def _send(self, stored: Stored, letter: Email, action: str) -> bool | None:
        """Send a letter and write it down; None: not now, so try again later; false: it will never be taken."""
        reason = None
        try:
            await self._mailer.send(to=letter.to, subject=letter.subject, text=letter.text)
        except (MailNotSent, CacheNotReady) as error:
            _log.warning("letter not sent", connection=str(stored.connection_id), reason=error.code)
            if not isinstance(error, MailRefused):
                return None
            reason = error.code
        await self._trail.record(
            action,
            Outcome.SUCCEEDED if reason is None else Outcome.FAILED,
            actor=SYSTEM,
            user_id=stored.user_id,
            connection_id=stored.connection_id,
            provider_id=stored.provider_id,
            details={} if reason is None else {"reason": reason},
        )
        return reason is None

    async def _set_due(self, stored: Stored, due_at: datetime | None, lease: datetime) -> None:
        """Move the next look, unless somebody has moved it since it was claimed."""
        claimed = ProviderToken.filter(id=stored.token_id, version=stored.version, refresh_due_at=lease)
        await claimed.update(refresh_due_at=due_at)


async def purge_expired() -> Mapping[str, int]:
    """Remove attempts to connect, sessions, codes and stored answers whose time is over; how many of each."""
    return {kind.__name__: count for kind in _PURGED if (count := await _purge(kind))}


async def _purge(kind: type[_Expiring]) -> int:
    # In batches, so that no lock is held for long.
    total = 0
    while True:
        over = kind.filter(expires_at__lt=datetime.now(UTC))
        ids = await over.limit(_PURGE_BATCH).values_list("id", flat=True)
        total += await kind.filter(id__in=ids, expires_at__lt=datetime.now(UTC)).delete()
        if len(ids) < _PURGE_BATCH:
            return total


async def _read(stored: Stored) -> ProviderConnection:
    return await ProviderConnection.get(id=stored.connection_id).select_related("user", "provider")
