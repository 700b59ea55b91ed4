"""Checks the audit trail's chain: `python -m dashtam.commands.verify_audit [--expect ANCHOR | --since ANCHOR]`.

An anchor, such as 57:9f86d0..., is printed by an earlier run. Keep it where users of the database cannot write. The
exit code is 0 if every entry is as it was written, and 1 otherwise.
"""

import argparse
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Final

import asyncpg

from dashtam.audit.chain import HeadSealer
from dashtam.audit.errors import AuditDamaged
from dashtam.audit.verification import Anchor, ChainCheck
from dashtam.console import done, run
from dashtam.database.errors import DatabaseNotReady
from dashtam.database.lifespan import open_session
from dashtam.models import AuditHead
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings

_BATCH: Final = 1000
_MAX_REPORTED: Final = 50
_EARLIER: Final = "SELECT * FROM provider_audit_logs WHERE sequence IS NULL ORDER BY id"
_CHAINED: Final = "SELECT * FROM provider_audit_logs WHERE sequence >= $1 ORDER BY sequence, id"


async def verify(settings: Settings, *, anchor: Anchor | None = None, from_anchor: bool = False) -> None:
    """Check the chain as of one moment, and print its end as an anchor.

    With `from_anchor`, only the entries after the anchor are checked.

    Raises:
        AuditDamaged: names each damaged entry and says what is wrong with it.
        DatabaseNotReady: the database is not available, or has no chain yet.
    """
    check = ChainCheck(anchor=anchor, from_anchor=from_anchor)
    damages: list[str] = []
    more = 0
    async with open_session(settings, process="audit") as session:
        await _refuse_without_chain(session, settings)
        async with session.transaction(isolation="repeatable_read", readonly=True):
            async for damage in find_damages(session, check, HeadSealer(settings.token_keys)):
                if len(damages) < _MAX_REPORTED:
                    damages.append(damage)
                else:
                    more += 1
    database = settings.database.place
    done("audit trail read", entries=check.seen, before_the_chain=check.earlier.count, database=database)
    if damages:
        raise AuditDamaged(database, damages, more=more)
    done("each entry is as it was written, and none is missing", anchor=check.end or "none")


async def _refuse_without_chain(session: asyncpg.Connection, settings: Settings) -> None:
    if await session.fetchval("SELECT to_regclass('public.audit_heads') IS NULL"):
        raise DatabaseNotReady(
            f"{settings.database.place} has no table audit_heads: a migration is pending, or the table was dropped"
        )


async def find_damages(
    session: asyncpg.Connection, check: ChainCheck, sealer: HeadSealer
) -> AsyncIterator[str]:
    """Yield each damage; the rows are read in the database transaction that `session` is in."""
    if check.is_whole:
        async for row in session.cursor(_EARLIER, prefetch=_BATCH):
            check.earlier.add([dict(row)])
    async for row in session.cursor(_CHAINED, check.lowest, prefetch=_BATCH):
        for damage in check.see(dict(row)):
            yield damage
    head = await session.fetchrow("SELECT * FROM audit_heads WHERE id = 1")
    for damage in check.finish(None if head is None else AuditHead(**head), sealer):
        yield damage


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m dashtam.commands.verify_audit", description=__doc__)
    anchors = parser.add_mutually_exclusive_group()
    anchors.add_argument(
        "--expect", metavar="ANCHOR", help="check the whole chain, and that this anchor is in it"
    )
    anchors.add_argument("--since", metavar="ANCHOR", help="check only the entries after this anchor")
    arguments = parser.parse_args(argv)

    async def command() -> None:
        text = arguments.since or arguments.expect
        anchor = Anchor.parse(text) if text else None
        await verify(load_settings(Settings), anchor=anchor, from_anchor=bool(arguments.since))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
