"""Creates an audit chain for a test, tampers with it as the owner of the tables could, and checks it."""

from typing import Final

import asyncpg
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.audit.caller import Caller
from dashtam.audit.chain import HeadSealer
from dashtam.audit.trail import AuditTrail
from dashtam.audit.verification import Anchor, ChainCheck
from dashtam.commands.verify_audit import find_damages
from dashtam.models import Outcome
from dashtam.settings.model import Settings

_UNGUARDED: Final = """
ALTER TABLE provider_audit_logs DISABLE TRIGGER USER;
ALTER TABLE audit_heads DISABLE TRIGGER USER;
{}
;ALTER TABLE provider_audit_logs ENABLE ALWAYS TRIGGER provider_audit_logs_append_only;
ALTER TABLE audit_heads ENABLE ALWAYS TRIGGER audit_heads_advances, ENABLE ALWAYS TRIGGER audit_heads_stays;
"""
EMPTY: Final = "DELETE FROM provider_audit_logs; DELETE FROM audit_heads;"


def unguarded(sql: str) -> str:
    """Wrap SQL in statements that disable the triggers and enable them again."""
    return _UNGUARDED.format(sql)


async def tamper(connection: BaseDBAsyncClient, sql: str) -> None:
    """Run SQL that the triggers would refuse."""
    await connection.execute_script(unguarded(sql))


async def write_entries(trail: AuditTrail, count: int) -> None:
    """Record `count` different entries."""
    for number in range(count):
        await trail.record(
            "connection.activated",
            Outcome.SUCCEEDED,
            actor="system",
            caller=Caller("2001:db8::1", "curl/8"),
            details={"number": number},
        )


async def find_damage(
    connection: BaseDBAsyncClient,
    settings: Settings,
    *,
    anchor: Anchor | None = None,
    from_anchor: bool = False,
) -> tuple[list[str], ChainCheck]:
    """Return the damages that a check finds in the test's database transaction, and the check."""
    session: asyncpg.Connection = connection._connection
    check = ChainCheck(anchor=anchor, from_anchor=from_anchor)
    sealer = HeadSealer(settings.token_keys)
    return [damage async for damage in find_damages(session, check, sealer)], check
