"""Runs an action once and kills itself: `python -m tests.support.faults.killed USER KEY before|after` the commit."""

import asyncio
import os
import signal
import sys
from uuid import UUID

from dashtam.audit.trail import AuditTrail
from dashtam.database.lifespan import connect
from dashtam.sealing.keys import Keys
from dashtam.settings.loading import load_settings
from dashtam.settings.model import TestSettings
from dashtam.web.stored_responses import IdempotencyKey, KeptResponse, respond_once
from tests.support.makers.rows import make_provider


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _main(user_id: UUID, key: str, moment: str) -> None:
    settings = load_settings(TestSettings)

    trail = AuditTrail(settings.token_keys)
    keys = Keys(settings.token_keys, environment=settings.ENVIRONMENT.value, trail=trail)

    async def act() -> KeptResponse:
        provider = await make_provider(key=f"killed_{key}")
        if moment == "before":
            _end()
        return KeptResponse(201, {}, provider.key)

    async with connect(settings, process="killed"):
        await respond_once(
            IdempotencyKey(user_id, "killed", key),
            fingerprint="f",
            keys=keys,
            trail=trail,
            act=act,
        )
        _end()


if __name__ == "__main__":
    asyncio.run(_main(UUID(sys.argv[1]), sys.argv[2], sys.argv[3]))
