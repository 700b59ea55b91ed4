"""The audit trail: what happened, written once, each entry linked to the one before it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final
from uuid import UUID

from tortoise.connection import get_connection
from tortoise.transactions import in_transaction
from uuid_utils.compat import uuid7

from dashtam.audit import chain
from dashtam.audit.caller import UNKNOWN, Caller
from dashtam.audit.verification import BEGUN, BROKEN, Earlier
from dashtam.logs.pipeline import get_logger
from dashtam.models import AuditEntry, AuditHead, Outcome

SYSTEM: Final = "system"
ANONYMOUS: Final = "anonymous"
_MAX_USER_AGENT: Final = 512
_MAX_DETAIL: Final = 512
_EARLIER: Final = """
SELECT * FROM provider_audit_logs WHERE sequence IS NULL AND id > $1 ORDER BY id LIMIT 1000
"""
_log = get_logger(__name__)


def user_actor(user_id: UUID) -> str:
    """Spell the actor that a signed-in user is."""
    return f"user:{user_id}"


@dataclass
class _Block:
    """The entries of a database transaction that has not ended."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    is_open: bool = True


_current: ContextVar[_Block | None] = ContextVar("audit_block", default=None)


class AuditTrail:
    """The one writer of audit entries."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._sealer = chain.HeadSealer(keys)

    async def record(
        self,
        action: str,
        outcome: Outcome,
        *,
        actor: str,
        user_id: UUID | None = None,
        connection_id: UUID | None = None,
        provider_id: UUID | None = None,
        caller: Caller = UNKNOWN,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Write one entry: at the end of the surrounding `transaction`, or in one of its own.

        `action` is a past-tense fact, dotted (`connection.activated`); `details` never holds a secret, nor a float.
        What a stranger sent, as the user agent is, is stored printable and cut.
        """
        entry = {
            "action": action,
            "outcome": outcome,
            "actor": actor,
            "user_id": user_id,
            "connection_id": connection_id,
            "provider_id": provider_id,
            "ip": _address(caller.ip),
            "user_agent": None
            if caller.user_agent is None
            else _printable(caller.user_agent)[:_MAX_USER_AGENT],
            "details": _printable_details(details or {}),
        }
        chain.encode(entry)  # what cannot be chained is refused here, where the caller is seen
        block = _current.get()
        if block is not None and block.is_open:
            block.entries.append(entry)
        else:
            await self._append_alone([entry])

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Open a database transaction whose entries are linked into the chain as the last thing before its commit.

        All writers wait for each other there, so nothing else may happen behind it: a lock that is taken early is
        held while work is done, and two transactions that take it and a row in different orders stop each other.

        What was denied or failed stays recorded where the database transaction is rolled back.
        """
        outer, block = _current.get(), _Block()
        outer = outer if outer is not None and outer.is_open else None
        token = _current.set(block)
        try:
            async with in_transaction():
                yield
                block.is_open = False
                if outer is None:
                    await self._append(block.entries)
        except BaseException:
            block.is_open = False
            block.entries = [entry for entry in block.entries if entry["outcome"] is not Outcome.SUCCEEDED]
            if outer is None:
                await self._append_alone(block.entries)
            raise
        finally:
            block.is_open = False
            _current.reset(token)
            if outer is not None:
                outer.entries += block.entries

    async def _append_alone(self, entries: list[dict[str, Any]]) -> None:
        if entries:
            async with in_transaction():
                await self._append(entries)

    async def _append(self, entries: list[dict[str, Any]]) -> None:
        """Link entries to the end of the chain, which stays locked until the database transaction ends."""
        if not entries:
            return
        head = await _lock_head()
        for entry in [*await self._examine(head), *entries]:
            values = {"id": uuid7(), "created_at": datetime.now(UTC), "sequence": head.sequence + 1, **entry}
            hash_ = chain.link(head.hash, values)
            await AuditEntry.create(**values, hash=hash_)
            head.sequence, head.hash = head.sequence + 1, hash_
        head.key_id, head.seal = self._sealer.key_id, self._sealer.seal(head.sequence, head.hash)
        await head.save()

    async def _examine(self, head: AuditHead) -> list[dict[str, Any]]:
        """Look whether the head can be believed; answer what the chain has to say first, and mend the head to fit.

        A head that was tampered with is never sealed as if nothing had happened, and never keeps us from auditing.
        """
        fault = self._sealer.find_fault(head.sequence, head.hash, key_id=head.key_id, seal=head.seal)
        if fault is None:
            return []
        last = await AuditEntry.filter(sequence__isnull=False).order_by("-sequence").first()
        if last is None and head.sequence == 0:
            return [_own(BEGUN, Outcome.SUCCEEDED, (await _read_earlier()).as_details())]
        _log.error("the audit trail was tampered with", head=head.sequence, fault=fault)
        details = {"head": head.sequence, "head_hash": head.hash.hex(), "fault": fault}
        if last is not None and last.sequence is not None and last.sequence >= head.sequence:
            head.sequence, head.hash = last.sequence, last.hash or chain.START
        return [_own(BROKEN, Outcome.FAILED, details)]


async def list_key_ids() -> frozenset[str]:
    """List the id of the key that seals the end of the chain; none where no chain has begun."""
    return frozenset(str(row["key_id"]) for row in await AuditHead.all().values("key_id") if row["key_id"])


async def _lock_head() -> AuditHead:
    head = await AuditHead.select_for_update().get_or_none(id=1)
    if head is None:
        # Of processes that begin at once, one makes the row and the others wait for it.
        unsealed = AuditHead(id=1, sequence=0, hash=chain.START, key_id="", seal=b"")
        await AuditHead.bulk_create([unsealed], ignore_conflicts=True)
        head = await AuditHead.select_for_update().get(id=1)
    return head


async def _read_earlier() -> Earlier:
    """Read the entries from before the chain; nobody adds one any more."""
    earlier, after = Earlier(), UUID(int=0)
    while rows := await get_connection("default").execute_query_dict(_EARLIER, [after]):
        earlier.add(rows)
        after = rows[-1]["id"]
    return earlier


def _own(action: str, outcome: Outcome, details: dict[str, Any]) -> dict[str, Any]:
    return {"action": action, "outcome": outcome, "actor": SYSTEM, "details": details}


def _address(ip: str | None) -> str | None:
    """Keep what is an address; a peer on a unix socket has none."""
    try:
        return None if ip is None else str(ip_address(ip.partition("%")[0]))
    except ValueError:
        return None


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _printable_details(value: object) -> object:
    match value:
        case str():
            return _printable(value)[:_MAX_DETAIL]
        case dict():
            return {name: _printable_details(part) for name, part in value.items()}
        case list():
            return [_printable_details(part) for part in value]
    return value
