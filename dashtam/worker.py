"""Keeps connections alive in the background: `python -m dashtam.worker`; docs/decisions/0027 says how.

It has no port. What it is able to do it writes into Redis every few seconds, as `heartbeat:refresher`: `ready`, or what
keeps it from its work. SIGTERM lets what is under way end.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from dashtam.cache import heartbeat
from dashtam.errors import CacheNotReady, DashtamError
from dashtam.health import examine
from dashtam.logs.pipeline import configure_logging, get_logger
from dashtam.providers.registry import provider_secrets
from dashtam.resources import Resources, open_resources
from dashtam.settings.errors import SettingsError
from dashtam.settings.loading import load_settings, secret_values
from dashtam.settings.model import Settings
from dashtam.tokens.attempt import UNAVAILABLE
from dashtam.tokens.revocations import revoke_due
from dashtam.tokens.upkeep import Upkeep, purge_expired

NAME: Final = "refresher"
READY: Final = "ready"
BEAT: Final = timedelta(seconds=5)
_HEARD_FOR: Final = timedelta(seconds=20)
_EVERY: Final = {
    "due connections": timedelta(seconds=5),
    "revocations": timedelta(seconds=15),
    "purge": timedelta(minutes=10),
}
_LONGEST: Final = 300.0
"""Seconds that a job may take before the process no longer counts as well."""
_STOP_SECONDS: Final = 15.0  # less than the reloader gives us
_log = get_logger(__name__)

Job = Callable[[], Awaitable[object]]


class Refresher:
    """The jobs of one process; each runs once at a time, and never while PostgreSQL or Redis is away."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._is_ready = False
        self._running: dict[str, float] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    async def start(self) -> None:
        """Begin; the first look is now."""
        upkeep = Upkeep(self._resources.refreshes, self._resources.trail, self._resources.mailer)
        jobs: dict[str, Job] = {
            "due connections": upkeep.refresh_due,
            "revocations": self._revoke,
            "purge": purge_expired,
        }
        await self.beat()
        self._add("heartbeat", self._counted("heartbeat", self.beat), BEAT)
        for name, job in jobs.items():
            self._add(name, self._guarded(name, job), _EVERY[name])
        self._scheduler.start()

    async def stop(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._scheduler.pause()
        await asyncio.sleep(0)  # what was begun at this very moment counts itself first
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("stopped in the middle of work; the next start goes on", jobs=sorted(self._running))
        self._scheduler.shutdown(wait=False)
        with suppress(CacheNotReady):
            await self._resources.cache.drop([heartbeat(NAME)])

    async def beat(self) -> None:
        """Look whether the work can be done, and say so in Redis for as long as that is believed."""
        findings = await examine(self._resources.cache, self._resources.keys)
        faults = [f"{name}: {finding.reason}" for name, finding in findings.items() if not finding.is_ready]
        self._is_ready = not faults
        faults += [
            f"{name} takes more than {_LONGEST:.0f} seconds"
            for name, begun in self._running.items()
            if time.monotonic() - begun > _LONGEST
        ]
        try:
            await self._resources.cache.put(heartbeat(NAME), "; ".join(faults) or READY, ttl=_HEARD_FOR)
        except CacheNotReady as error:
            _log.warning("no heartbeat", reason=str(error))

    def _add(self, name: str, job: Job, every: timedelta) -> None:
        self._scheduler.add_job(
            job,
            IntervalTrigger(seconds=int(every.total_seconds()), timezone=UTC),
            id=name,
            name=name,
            max_instances=1,  # the next one waits for the one before
            coalesce=True,  # what was missed is done once
            misfire_grace_time=None,  # and late rather than never
            next_run_time=datetime.now(UTC),
        )

    def _guarded(self, name: str, job: Job) -> Job:
        async def run() -> None:
            if not self._is_ready:
                return
            try:
                done = await job()
                if done:
                    _log.info("done", job=name, result=done)
            except (DashtamError, *UNAVAILABLE) as error:
                _log.warning("left for the next time", job=name, reason=f"{type(error).__name__}: {error}")
            except Exception:  # noqa: BLE001  # whatever it is, the other jobs go on
                _log.exception("unexpected failure", job=name)

        return self._counted(name, run)

    def _counted(self, name: str, job: Job) -> Job:
        async def run() -> None:
            self._running[name] = time.monotonic()
            self._idle.clear()
            try:
                await job()
            finally:
                del self._running[name]
                if not self._running:
                    self._idle.set()

        return run

    async def _revoke(self) -> int:
        resources = self._resources
        return await revoke_due(registry=resources.registry, keys=resources.keys, trail=resources.trail)


async def serve(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with open_resources(settings, process=NAME) as resources:
        refresher = Refresher(resources)
        await refresher.start()
        _log.info("started", process=NAME)
        await stopping.wait()
        _log.info("stopping", process=NAME)
        await refresher.stop()
    _log.info("stopped", process=NAME)


def main() -> int:
    """Read the settings, and work; 3: they are refused."""
    try:
        settings = load_settings(Settings)
        secrets = secret_values(settings) | provider_secrets()
    except SettingsError as error:
        print(f"✗ {error}", file=sys.stderr)  # noqa: T201 - before there is a log
        return 3
    configure_logging(settings.LOG_LEVEL, secrets=secrets)
    asyncio.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
