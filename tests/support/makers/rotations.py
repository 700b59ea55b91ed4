"""Sealed values in temporary tables of a test, and rotations that reseal them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
from pydantic import SecretStr

from dashtam.audit.trail import AuditTrail
from dashtam.models import AuditEntry
from dashtam.sealing.cipher import Context, SealedColumn
from dashtam.sealing.columns import (
    ACCESS_TOKEN,
    REFRESH_TOKEN,
    REVOKED_TOKEN,
    SECOND_FACTOR,
    STORED_ANSWER,
    VERIFIER,
)
from dashtam.sealing.keys import Keys
from dashtam.sealing.rotation import Rotation
from dashtam.sealing.tables import TABLES
from tests.support.makers.rows import (
    make_attempt,
    make_connection,
    make_revocation,
    make_second_factor,
    make_stored_answer,
    make_token,
)

_KEY_HASH: Final = "a" * 64


@dataclass(frozen=True)
class Value:
    """A sealed value: its column and row, and the context that it is bound to."""

    column: SealedColumn
    id: UUID
    context: Context

    async def read(self, session: asyncpg.Connection) -> bytes:
        sql = f"SELECT {self.column.name} FROM {self.column.table} WHERE id = $1"
        sealed: bytes = await session.fetchval(sql, self.id)
        return sealed


async def set_apart(session: asyncpg.Connection) -> None:
    """Give a session temporary tables for sealed values, because other tests fill the real ones concurrently."""
    for name in ("encryption_keys", *(table.name for table in TABLES)):
        await session.execute(f"CREATE TEMP TABLE {name} (LIKE {name} INCLUDING ALL)")
    await session.execute("INSERT INTO pg_temp.encryption_keys SELECT * FROM public.encryption_keys")


async def store_values(keys: Keys) -> list[Value]:
    """Store a sealed value for every column; the value is the column's name."""
    connection = await make_connection()
    user_id, row = connection.user_id, uuid4()
    found = {
        column: Value(
            column, row, column.context(f"/:{_KEY_HASH}" if column is STORED_ANSWER else row, user_id)
        )
        for table in TABLES
        for column in table.columns
    }
    sealed = {
        column.name: (await keys.seal(SecretStr(column.name), context=value.context)).value
        for column, value in found.items()
    }

    def of(*columns: SealedColumn) -> dict[str, Any]:
        return {"id": row} | {column.name: sealed[column.name] for column in columns}

    await make_token(connection=connection, **of(ACCESS_TOKEN, REFRESH_TOKEN))
    await make_second_factor(user_id=user_id, **of(SECOND_FACTOR))
    await make_attempt(connection=connection, **of(VERIFIER))
    await make_revocation(user_id=user_id, **of(REVOKED_TOKEN))
    await make_stored_answer(user_id=user_id, key_hash=_KEY_HASH, **of(STORED_ANSWER))
    return [*found.values()]


class Rotations:
    """Runs rotations that do not wait for other processes, and keeps their reports and audit entries."""

    def __init__(self, session: asyncpg.Connection, keys: Keys, trail: AuditTrail, *, since: int) -> None:
        self.session = session
        self._since = since
        self.keys = keys
        self._trail = trail
        self.said: list[tuple[str, dict[str, object]]] = []

    async def run(self, *, afresh: bool = False, keys: Keys | None = None) -> None:
        def report(step: str, **facts: object) -> None:
            self.said.append((step, facts))

        rotation = Rotation(
            self.session, keys=keys or self.keys, trail=self._trail, report=report, settle=timedelta(0)
        )
        await rotation.run(afresh=afresh)

    async def recorded(self) -> list[tuple[str, str, dict[str, Any]]]:
        entries = AuditEntry.filter(action__startswith="key.", sequence__gt=self._since)
        return [(one.action, one.outcome, one.details) for one in await entries.order_by("sequence")]
