"""Runs the refresher as a separate process."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from dashtam.settings.model import Settings
from tests.support.checkout import CHECKOUT

_SECONDS: Final = 60.0


@asynccontextmanager
async def refreshing(folder: Path, settings: Settings, **variables: str) -> AsyncIterator[Process]:
    """Run the refresher until the end of the context; it writes into refresher.log of the folder."""
    secrets = ("DATABASE_URL", "REDIS_URL", "TOKEN_ENCRYPTION_KEYS")
    passed = {name: getattr(settings, name).get_secret_value() for name in secrets}
    with (folder / "refresher.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dashtam.worker"),
            env={**os.environ, **passed, "PYTHONPATH": str(CHECKOUT), **variables},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


async def until(is_so: Callable[[], Awaitable[bool]], what: str, *, seconds: float = _SECONDS) -> None:
    """Probe until a condition is true.

    Raises:
        AssertionError: the condition was not true in time.
    """
    try:
        async with asyncio.timeout(seconds):
            while True:
                if await is_so():
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {seconds:.0f} seconds") from None
