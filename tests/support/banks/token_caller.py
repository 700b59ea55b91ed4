"""A process that requests valid tokens: `python -m tests.support.banks.token_caller ORDER`.

It prints `ready`, waits for a line, and requests tokens with the number of tasks of the order. Then it prints one line
for each task: the access token, or the code of the error.
"""

import asyncio
import json
import ssl
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from pydantic import SecretStr

from dashtam.audit.trail import AuditTrail
from dashtam.cache import Cache, open_cache
from dashtam.database.lifespan import connect
from dashtam.errors import DashtamError
from dashtam.logs.pipeline import configure_logging
from dashtam.sealing.keys import Keys
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings
from dashtam.tokens.attempt import Limits, RefreshAttempts
from dashtam.tokens.circuits import Circuits
from dashtam.tokens.endings import RefreshEndings
from dashtam.tokens.refreshing import Patience, Refreshes
from tests.support.banks.token_adapter import PROFILE, OneAdapter, TokenAdapter

_LIMITS: Final = Limits()
_PATIENCE: Final = Patience()


@dataclass(frozen=True)
class Order:
    """The work of a process."""

    connections: list[str]
    url: str
    authority: str
    tasks: int = 1
    rejected: str | None = None
    turn_seconds: float = 60.0
    grace_seconds: float = 0

    @property
    def text(self) -> str:
        """The order as a command-line argument."""
        return json.dumps(asdict(self))


def build_refreshes(
    cache: Cache,
    settings: Settings,
    adapter: TokenAdapter,
    *,
    limits: Limits = _LIMITS,
    patience: Patience = _PATIENCE,
) -> Refreshes:
    """Build the services of resources.py around one adapter."""
    trail = AuditTrail(settings.token_keys)
    keys = Keys(settings.token_keys, environment=settings.ENVIRONMENT.value, trail=trail)
    attempts = RefreshAttempts(
        keys,
        RefreshEndings(keys, trail),
        Circuits(cache),
        OneAdapter(adapter),
        trail,
        limits=limits,
    )
    return Refreshes(cache, keys, trail, attempts, patience=patience)


def build_adapter(order: Order) -> TokenAdapter:
    """Return the adapter for an order."""
    profile = replace(PROFILE, grace=timedelta(seconds=order.grace_seconds))
    return TokenAdapter(profile, order.url, ssl.create_default_context(cafile=order.authority), seconds=20)


async def main(order: Order) -> None:
    settings = load_settings(Settings)
    configure_logging("WARNING")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(connect(settings, process="token_caller"))
        cache = await stack.enter_async_context(
            open_cache(settings.cache, environment=settings.ENVIRONMENT, process="token_caller")
        )
        adapter = build_adapter(order)
        stack.push_async_callback(adapter.aclose)
        patience = Patience(turn=timedelta(seconds=order.turn_seconds), wait=timedelta(seconds=30))
        refreshes = build_refreshes(cache, settings, adapter, patience=patience)
        await cache.check()
        print("ready", flush=True)  # noqa: T201 - for the test that reads it
        await asyncio.to_thread(sys.stdin.readline)
        rejected = SecretStr(order.rejected) if order.rejected else None
        asking = [
            _ask(refreshes, UUID(connection), rejected)
            for connection in order.connections
            for _ in range(order.tasks)
        ]
        for outcome in await asyncio.gather(*asking):
            print(outcome, flush=True)  # noqa: T201 - for the test that reads it


async def _ask(refreshes: Refreshes, connection_id: UUID, rejected: SecretStr | None) -> str:
    try:
        token = await refreshes.get_valid(connection_id, rejected=rejected)
    except DashtamError as error:
        return error.code
    return token.access_token.get_secret_value()


if __name__ == "__main__":
    asyncio.run(main(Order(**json.loads(sys.argv[1]))))
