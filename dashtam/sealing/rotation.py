"""Changes keys while everything runs: a new data key seals, and what earlier keys sealed is sealed anew in batches.

A process that meets a value under a key that it does not know looks the key up, so a new one may seal at once. For a
few seconds some go on with the one before; the rows are looked through until that time is over and none is left.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
from tortoise.connection import get_connection

from dashtam.audit.trail import SYSTEM, AuditTrail
from dashtam.models import EncryptionKey, KeyState, Outcome
from dashtam.sealing.cipher import LAYOUT, Context, Sealed
from dashtam.sealing.envelope import prefix
from dashtam.sealing.errors import KeysNotRotated, SealError
from dashtam.sealing.keys import RELOAD_SECONDS, Keys
from dashtam.sealing.tables import TABLES, SealedTable
from dashtam.sealing.wrapping import new_key_id

SETTLE: Final = timedelta(seconds=2 * RELOAD_SECONDS)
"""So long after a promotion no process seals with the key before any more."""
BATCH: Final = 500
LOCK: Final = 0x64617368_6B657973
"""The advisory lock of whoever changes keys: "dashkeys"."""
_TOLD_EVERY: Final = 20_000
_MAX_REPORTED: Final = 20
_HELD_SECONDS: Final = 60.0
_PROBE_SECONDS: Final = 0.1
_PROMOTE: Final = """
INSERT INTO encryption_keys (id, wrapped, wrapping_key_id, state, promoted_at)
VALUES ($1, $2, $3, 'active', CURRENT_TIMESTAMP)
"""
_SINCE_PROMOTION: Final = """
SELECT CURRENT_TIMESTAMP - promoted_at FROM encryption_keys WHERE state = 'active'
"""
Report = Callable[..., None]


@dataclass
class _Progress:
    """What was done until now."""

    moved: int = 0
    unreadable: dict[UUID, str] = field(default_factory=dict)


@asynccontextmanager
async def alone(session: asyncpg.Connection) -> AsyncIterator[None]:
    """Keep every other change of keys out; the lock goes with the session, also where its process is killed.

    Raises:
        KeysNotRotated: another one is at work.
    """
    if not await session.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
        raise KeysNotRotated("another keys.rotate or keys.retire is at work on this database; let it end")
    try:
        yield
    finally:
        if not session.is_closed():
            await session.fetchval("SELECT pg_advisory_unlock($1)", LOCK)


class Rotation:
    """One run of keys.rotate, in a session of its own."""

    def __init__(
        self,
        session: asyncpg.Connection,
        *,
        keys: Keys,
        trail: AuditTrail,
        report: Report,
        settle: timedelta = SETTLE,
    ) -> None:
        self._session = session
        self._keys = keys
        self._trail = trail
        self._report = report
        self._settle = settle

    async def run(self, *, afresh: bool = False) -> None:
        """Wrap all data keys with the first key of the settings, then finish what an earlier run began, or rotate.

        Where rows are left that an earlier key seals, or a key of the settings directly, they move to the active key
        and no new one is made, unless `afresh`. It may be killed at any time, and run again.

        Raises:
            KeysNotRotated: another run is at work, or values could not be opened; they are as they were.
        """
        async with alone(self._session):
            await self._keys.reload()
            await self._rewrap()
            progress, begun = _Progress(), time.monotonic()
            if not afresh:
                await self._move_all(progress)
            if progress.moved:
                self._report("finished what was begun earlier", key=self._keys.active.id)
            else:
                await self._promote()
                progress = _Progress()
            await self._move_until_settled(progress)
            await self._conclude(progress, time.monotonic() - begun)

    async def _rewrap(self) -> None:
        wrapper = self._keys.wrapper
        async with self._trail.transaction():
            rows = EncryptionKey.filter(wrapped__isnull=False).exclude(wrapping_key_id=wrapper.key_id)
            for row in await rows.select_for_update().order_by("id"):
                try:
                    wrapped = wrapper.rewrap(row.id, row.wrapped or b"")
                except SealError as error:  # what it sealed will be told as unreadable
                    self._report("a data key stays as it is wrapped", key=row.id, reason=str(error))
                    continue
                earlier, row.wrapped, row.wrapping_key_id = row.wrapping_key_id, wrapped.value, wrapped.key_id
                await row.save(update_fields=["wrapped", "wrapping_key_id"])
                details = {"key_id": row.id, "from": earlier, "to": wrapped.key_id}
                await self._record("key.rewrapped", Outcome.SUCCEEDED, details)
                self._report("wrapped anew", key=row.id, earlier=earlier, now=wrapped.key_id)

    async def _promote(self) -> None:
        """Make a data key and let it seal: both at once, so there is always exactly one that does."""
        key_id = new_key_id()
        wrapped = self._keys.wrapper.make(key_id)
        async with self._trail.transaction():
            earlier = await EncryptionKey.select_for_update().get(state=KeyState.ACTIVE)
            await EncryptionKey.filter(id=earlier.id).update(state=KeyState.DECRYPT)
            values = [key_id, wrapped.value, wrapped.key_id]
            await get_connection("default").execute_query(_PROMOTE, values)
            details = {"key_id": key_id, "wrapping_key_id": wrapped.key_id, "earlier": earlier.id}
            await self._record("key.promoted", Outcome.SUCCEEDED, details)
        await self._keys.reload()
        self._report("a new data key seals", key=key_id, earlier=earlier.id)

    async def _move_until_settled(self, progress: _Progress) -> None:
        """Look through all rows until no process seals with an earlier key any more, and nobody holds such a row."""
        await self._move_all(progress)
        since = await self._session.fetchval(_SINCE_PROMOTION)
        if since < self._settle:
            self._report("waiting until every process seals with the new key", seconds=self._settle.seconds)
            await asyncio.sleep((self._settle - since).total_seconds())
        deadline = time.monotonic() + _HELD_SECONDS
        while True:
            await self._move_all(progress)
            left = await self._count_others() - len(progress.unreadable)
            if left <= 0:
                return
            if time.monotonic() > deadline:
                details = {"key_id": self._keys.active.id, "rows": progress.moved, "held": left}
                await self._record("key.rotated", Outcome.FAILED, details)
                raise KeysNotRotated(
                    f"{left} rows are held by database transactions that do not end; run it again"
                )
            await asyncio.sleep(_PROBE_SECONDS)

    async def _count_others(self) -> int:
        head = prefix(LAYOUT, self._keys.active.id)
        return sum([await self._session.fetchval(table.count_of_others, head) for table in TABLES])

    async def _move_all(self, progress: _Progress) -> None:
        progress.unreadable.clear()  # whatever does not open is met again
        for table in TABLES:
            begun, before, told = time.monotonic(), progress.moved, 0
            async for moved in self._move(table, progress):
                if moved - told >= _TOLD_EVERY:
                    told = moved
                    self._report("at work", table=table.name, rows=moved)
            if moved := progress.moved - before:
                seconds = time.monotonic() - begun
                rate = round(moved / seconds)
                self._report("sealed anew", table=table.name, rows=moved, seconds=seconds, rows_a_second=rate)

    async def _move(self, table: SealedTable, progress: _Progress) -> AsyncIterator[int]:
        """Seal a table's rows anew, a batch in each database transaction; answers how many after each."""
        after, moved = UUID(int=0), 0
        head = prefix(LAYOUT, self._keys.active.id)
        while True:
            async with self._session.transaction():
                rows = await self._session.fetch(table.others, after, head, BATCH)
                sealed = [one for row in rows if (one := await self._seal_anew(table, row, progress))]
                await self._write(table, sealed)
            if not rows:
                return
            after, moved = rows[-1]["id"], moved + len(sealed)
            progress.moved += len(sealed)
            yield moved

    async def _seal_anew(
        self, table: SealedTable, row: asyncpg.Record, progress: _Progress
    ) -> tuple[UUID, list[bytes | None]] | None:
        values: list[bytes | None] = []
        try:
            for column in table.columns:
                sealed = row[column.name]
                place = column.context(row["row"], row["user_id"], row["version"])
                anew = None if sealed is None else await self._reseal(sealed, place)
                values.append(anew and anew.value)
        except SealError as error:
            progress.unreadable[row["id"]] = f"{table.name} {row['id']}: {error}"
            return None
        return row["id"], values

    async def _reseal(self, sealed: bytes, place: Context) -> Sealed:
        return await self._keys.seal(await self._keys.open(sealed, context=place), context=place)

    async def _write(self, table: SealedTable, rows: Iterable[tuple[UUID, list[bytes | None]]]) -> None:
        if rows := list(rows):
            columns = zip(*(values for _, values in rows), strict=True)
            key_id = [self._keys.active.id] if table.has_key_id else []
            await self._session.execute(
                table.replacement, [id_ for id_, _ in rows], *map(list, columns), *key_id
            )

    async def _conclude(self, progress: _Progress, seconds: float) -> None:
        active = self._keys.active.id
        unreadable = progress.unreadable
        outcome = Outcome.FAILED if unreadable else Outcome.SUCCEEDED
        details = {"key_id": active, "rows": progress.moved, "unreadable": len(unreadable)}
        await self._record("key.rotated", outcome, details)
        self._report("moved", rows=progress.moved, seconds=seconds, key=active)
        if unreadable:
            told = [*unreadable.values()][:_MAX_REPORTED]
            more = [f"and {len(unreadable) - len(told)} more"] if len(unreadable) > len(told) else []
            lines = [f"{len(unreadable)} rows do not open, and stay as they were:", *told, *more]
            raise KeysNotRotated("\n  ".join(lines))

    async def _record(self, action: str, outcome: Outcome, details: dict[str, Any]) -> None:
        await self._trail.record(action, outcome, actor=SYSTEM, details=details)
