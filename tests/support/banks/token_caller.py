"""A process that needs valid tokens: `python -m tests.support.banks.token_caller ORDER`, with the settings around it.

It says `ready`, waits for a line, and asks with as many tasks as the order says; then it prints a line for each: the
access token that it got, or the code of the error.
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
    """What a process shall ask for."""

    connections: list[str]
    url: str
    authority: str
    tasks: int = 1
    rejected: str | None = None
    turn_seconds: float = 60.0
    grace_seconds: float = 0

    @property
    def text(self) -> str:
        """As an argument."""
        return json.dumps(asdict(self))


def build_refreshes(
    cache: Cache,
    settings: Settings,
    adapter: TokenAdapter,
    *,
    limits: Limits = _LIMITS,
    patience: Patience = _PATIENCE,
) -> Refreshes:
    """Wire what resources.py wires, around one adapter."""
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
    """The adapter that an order asks for."""
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
        for answer in await asyncio.gather(*asking):
            print(answer, flush=True)  # noqa: T201 - for the test that reads it


async def _ask(refreshes: Refreshes, connection_id: UUID, rejected: SecretStr | None) -> str:
    try:
        token = await refreshes.get_valid(connection_id, rejected=rejected)
    except DashtamError as error:
        return error.code
    return token.access_token.get_secret_value()


if __name__ == "__main__":
    asyncio.run(main(Order(**json.loads(sys.argv[1]))))
