"""What state each key is in and what needs it, and the end of a data key that nothing needs any more."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from dashtam.audit.trail import SYSTEM, AuditTrail
from dashtam.errors import NotFound
from dashtam.models import EncryptionKey, KeyState, Outcome
from dashtam.sealing.errors import KeyNeeded
from dashtam.sealing.keys import Keys
from dashtam.sealing.tables import Usage, find_usage

RETIRE_AFTER: Final = timedelta(minutes=5)
"""So long after its successor was promoted a key opens on: nothing that was sealed with it is still on its way."""
_REPLACED: Final = """
SELECT min(later.promoted_at)
  FROM encryption_keys AS later JOIN encryption_keys AS this ON later.promoted_at > this.promoted_at
 WHERE this.id = $1
"""


@dataclass(frozen=True)
class KeyReport:
    """One data key, as its operator sees it."""

    id: str
    state: KeyState
    wrapped_by: str
    created_at: datetime
    promoted_at: datetime | None
    retired_at: datetime | None
    check: str
    """Tells whether two copies hold the same key; empty where it is destroyed or cannot be unwrapped."""
    fault: str
    rows: Mapping[str, int]
    """Table to number of rows that it seals."""


@dataclass(frozen=True)
class Report:
    """All keys: those in the database, and those of the settings."""

    keys: Sequence[KeyReport]
    settings: Mapping[str, Sequence[str]]
    """Key of the settings to what needs it; nothing: it can be dropped."""
    earlier: Mapping[str, Mapping[str, int]]
    """Key of the settings to the rows of each table that it seals directly, in layout v1."""
    unknown: Mapping[str, Mapping[str, int]]
    """Key that nobody has, or `unreadable`, to the rows that name it."""

    def as_document(self) -> dict[str, Any]:
        """For machines: times in ISO 8601."""
        return asdict(self)


async def report(session: asyncpg.Connection, keys: Keys, *, audit_key_ids: frozenset[str]) -> Report:
    """Look at all keys and count what they seal."""
    faults = await keys.find_faults()
    usage = await find_usage(session)
    rows = await EncryptionKey.all().order_by("created_at", "id")
    earlier = _by_key(one for one in usage if one.is_earlier)
    sealed = _by_key(one for one in usage if not one.is_earlier)
    return Report(
        keys=[_describe(row, keys, faults, sealed.get(row.id, {})) for row in rows],
        settings={
            key_id: _needs(key_id, rows, earlier, audit_key_ids)
            for key_id in sorted({*keys.settings_ids, *earlier, *audit_key_ids, *_wrapping(rows)})
        },
        earlier=earlier,
        unknown={key_id: found for key_id, found in sealed.items() if key_id not in {row.id for row in rows}},
    )


def _by_key(usage: Iterable[Usage]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for one in usage:
        found.setdefault(one.key_id, {})[one.table] = one.rows
    return found


def _describe(
    row: EncryptionKey, keys: Keys, faults: Mapping[str, str], sealed: Mapping[str, int]
) -> KeyReport:
    return KeyReport(
        id=row.id,
        state=row.state,
        wrapped_by=row.wrapping_key_id,
        created_at=row.created_at,
        promoted_at=row.promoted_at,
        retired_at=row.retired_at,
        check=keys.checks.get(row.id, ""),
        fault=faults.get(row.id, ""),
        rows=sealed,
    )


def _wrapping(rows: Sequence[EncryptionKey]) -> set[str]:
    return {row.wrapping_key_id for row in rows if row.state is not KeyState.RETIRED}


def _needs(
    key_id: str,
    rows: Sequence[EncryptionKey],
    earlier: Mapping[str, Mapping[str, int]],
    audit_key_ids: frozenset[str],
) -> list[str]:
    wrapped = [row.id for row in rows if row.wrapping_key_id == key_id and row.state is not KeyState.RETIRED]
    needs = [f"wraps {one}" for one in wrapped]
    needs += [f"seals {count} rows of {table}" for table, count in earlier.get(key_id, {}).items()]
    return needs + (["seals the end of the audit trail"] if key_id in audit_key_ids else [])


async def retire(
    key_id: str,
    *,
    session: asyncpg.Connection,
    trail: AuditTrail,
    retire_after: timedelta = RETIRE_AFTER,
) -> None:
    """Destroy a data key that seals nothing any more; its id is never used again.

    Raises:
        NotFound: there is no such key.
        KeyNeeded: says everything that keeps it; nothing was changed.
    """
    async with trail.transaction():
        key = await EncryptionKey.select_for_update().get_or_none(id=key_id)
        if key is None:
            raise NotFound(f"there is no data key {key_id!r}; keys.status lists them")
        replaced_at = await session.fetchval(_REPLACED, key_id)
        now = await session.fetchval("SELECT CURRENT_TIMESTAMP")
        usage = await find_usage(session)
        if reasons := reasons_to_keep(key, usage, replaced_at, now=now, after=retire_after):
            raise KeyNeeded(key_id, reasons)
        key.wrapped, key.state, key.retired_at = None, KeyState.RETIRED, now
        await key.save(update_fields=["wrapped", "state", "retired_at"])
        await trail.record("key.retired", Outcome.SUCCEEDED, actor=SYSTEM, details={"key_id": key_id})


def reasons_to_keep(
    key: EncryptionKey,
    usage: Sequence[Usage],
    replaced_at: datetime | None,
    *,
    now: datetime,
    after: timedelta = RETIRE_AFTER,
) -> list[str]:
    """Collect everything that speaks against destroying a data key; none: it can go."""
    if key.state is KeyState.RETIRED:
        return ["it is retired already"]
    reasons = []
    if key.state is KeyState.ACTIVE:
        reasons.append("it is the key that seals; keys.rotate puts another one in its place")
    elif replaced_at is None or now - replaced_at < after:
        until = "unknown" if replaced_at is None else f"{replaced_at + after:%H:%M:%S} UTC"
        reasons.append(f"what was sealed with it may still be on its way; expected: after {until}")
    needing = [one for one in usage if one.key_id == key.id and not one.is_earlier]
    return reasons + [
        f"it seals {one.rows} rows of {one.table}; keys.rotate seals them anew" for one in needing
    ]
