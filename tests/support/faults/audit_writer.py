"""Writes audit entries like a busy server: `python -m tests.support.faults.audit_writer ENTRIES TASKS [undoing]`.

With `undoing`, every third database transaction is rolled back. It prints the number of committed entries, and the
seconds.
"""

import asyncio
import contextlib
import sys
import time

from dashtam.audit.caller import Caller
from dashtam.audit.trail import SYSTEM, AuditTrail
from dashtam.database.lifespan import connect
from dashtam.models import Outcome
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings


class Undone(Exception):
    """Rolls a database transaction back."""


async def write(trail: AuditTrail, entries: int, *, undoing: bool) -> int:
    """Write entries in sequence, each in its own database transaction, and return how many were committed."""
    committed = 0
    for number in range(entries):
        with contextlib.suppress(Undone):
            async with trail.transaction():
                await trail.record(
                    "session.created",
                    Outcome.SUCCEEDED,
                    actor=SYSTEM,
                    caller=Caller("127.0.0.1"),
                    details={"number": number},
                )
                if undoing and number % 3 == 0:
                    raise Undone
            committed += 1
    return committed


async def main(entries: int, tasks: int, *, undoing: bool) -> None:
    settings = load_settings(Settings)
    trail = AuditTrail(settings.token_keys)
    async with connect(settings, process="audit_writer"):
        begun = time.perf_counter()
        written = await asyncio.gather(
            *(write(trail, entries // tasks, undoing=undoing) for _ in range(tasks))
        )
    print(sum(written), f"{time.perf_counter() - begun:.3f}")  # noqa: T201 - for the test that reads it


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), undoing="undoing" in sys.argv))
