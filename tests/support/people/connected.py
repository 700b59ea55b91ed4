"""A committed connection with a bank that rotates its tokens, and the processes that need the tokens."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from dashtam.audit.trail import AuditTrail
from dashtam.cache import Cache
from dashtam.models import Provider, ProviderConnection, ProviderToken, User
from dashtam.providers.base import Profile, TokenGrant
from dashtam.sealing.keys import Keys
from dashtam.settings.model import Settings
from dashtam.tokens.store import open_grant, store_grant
from tests.support.banks.token_adapter import PROFILE
from tests.support.banks.token_caller import Order
from tests.support.banks.token_server import TokenServer
from tests.support.checkout import CHECKOUT
from tests.support.makers.rows import make_connection, make_provider, make_user


def keys_of(settings: Settings) -> Keys:
    """Return the data keys of an environment, as loaded by a new process."""
    trail = AuditTrail(settings.token_keys)
    return Keys(settings.token_keys, environment=settings.ENVIRONMENT.value, trail=trail)


@dataclass(frozen=True)
class Connected:
    """A connection and its bank."""

    connection: ProviderConnection
    server: TokenServer
    settings: Settings

    @property
    def id(self) -> UUID:
        """The id of the connection."""
        return self.connection.id

    async def row(self) -> ProviderToken:
        """Return the stored row."""
        return await ProviderToken.get(connection_id=self.id)

    async def grant(self) -> TokenGrant:
        """Return the stored grant, decrypted."""
        return await open_grant(self.id, keys=keys_of(self.settings))

    async def store_again(self) -> None:
        """Store the same grant again, as the next version."""
        trail = AuditTrail(self.settings.token_keys)
        await store_grant(self.id, await self.grant(), keys=keys_of(self.settings), trail=trail)

    async def standing(self) -> tuple[str, str | None]:
        """Return the status and the reason."""
        found = await ProviderConnection.get(id=self.id)
        return found.status.value, found.reason.value if found.reason else None

    async def age(self, **values: object) -> None:
        """Set the token's columns as if 31 minutes had passed; `values` override them."""
        defaults: dict[str, Any] = {
            "granted_at": datetime.now(UTC) - timedelta(minutes=31),
            "expires_at": datetime.now(UTC) - timedelta(minutes=1),
            "refresh_due_at": datetime.now(UTC) - timedelta(minutes=1),
        }
        await ProviderToken.filter(connection_id=self.id).update(**defaults | values)

    @property
    def order(self) -> Order:
        """The order for a process that needs one token of this connection."""
        return Order([str(self.id)], self.server.url, str(self.server.authority))

    async def start(
        self,
        *,
        tasks: int = 1,
        rejected: str | None = None,
        turn_seconds: float = 60,
        grace_seconds: float = 0,
    ) -> Process:
        """Start a process that will request a token, and return it when it is ready."""
        order = replace(
            self.order, tasks=tasks, rejected=rejected, turn_seconds=turn_seconds, grace_seconds=grace_seconds
        )
        return await start_caller(order, self.settings)


async def start_caller(order: Order, settings: Settings) -> Process:
    """Start a process, and return it when it waits for `go`."""
    secrets = ("DATABASE_URL", "REDIS_URL", "TOKEN_ENCRYPTION_KEYS")
    variables = {name: getattr(settings, name).get_secret_value() for name in secrets}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.banks.token_caller", order.text),
        env={**os.environ, **variables, "PYTHONPATH": str(CHECKOUT)},
        cwd=CHECKOUT,
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip() == b"ready"
    return process


async def say_go(*processes: Process) -> list[list[str]]:
    """Let the processes begin together, and return the results of each."""
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    return [output.decode().split() for output, _ in outputs]


async def connect_bank(
    server: TokenServer, settings: Settings, *, user: User, provider: Provider, profile: Profile = PROFILE
) -> Connected:
    """Store a connection with a new pair of tokens from the bank."""
    access, refresh = server.sign_in()
    connection = await make_connection(user=user, provider=provider)
    now = datetime.now(UTC)
    grant = TokenGrant(
        SecretStr(access), SecretStr(refresh), now + timedelta(minutes=30), scope=server.scope, granted_at=now
    )
    trail, profile = AuditTrail(settings.token_keys), replace(profile, key=provider.key)
    await store_grant(connection.id, grant, keys=keys_of(settings), trail=trail, profile=profile)
    return Connected(connection, server, settings)


@asynccontextmanager
async def a_person() -> AsyncIterator[tuple[User, Provider]]:
    """Commit a user and a provider, visible to every process, until the end of the context."""
    user, provider = await make_user(), await make_provider()
    try:
        yield user, provider
    finally:
        await user.delete()
        await provider.delete()


async def forget_refreshes(cache: Cache) -> None:
    """Delete all locks of refreshes and all recorded failures of providers."""
    redis = vars(cache)["_client"]
    for pattern in ("testing:refresh:*", "testing:circuit:*"):
        async for key in redis.scan_iter(pattern):
            await redis.unlink(key)
