"""The Redis client, and every key name, in one list."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from dashtam.addresses import CacheAddress
from dashtam.errors import CacheNotReady

_CONNECT_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 2.0


def key_prefix(environment: str) -> str:
    """What every key of an environment begins with; docker/redis-users.conf gives each user the keys of its own."""
    return f"{environment}:"


def refused_callbacks(ip: str) -> str:
    """Counts the callbacks that one address sent without being awaited."""
    return f"callback:refused:{ip}"


class Cache:
    """The keys of one environment; every method raises CacheNotReady where Redis does not answer."""

    def __init__(self, client: "Redis", address: CacheAddress, *, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self.address = address

    async def check(self) -> None:
        """Raise CacheNotReady unless Redis answers on the database index of the settings."""
        try:
            info = await self._client.client_info()
        except (RedisError, OSError, TimeoutError) as error:
            raise CacheNotReady(f"{self.address.place}: {error}") from error
        if info["db"] != self.address.index:
            raise CacheNotReady(f"{self.address.place}: connected to index {info['db']}")

    async def count(self, key: str, *, window: timedelta) -> int:
        """Count one more occurrence of `key`; answer how many there were since the window of the first one opened."""
        try:
            async with self._client.pipeline(transaction=True) as pipeline:
                pipeline.incr(self._prefix + key)
                pipeline.expire(self._prefix + key, window, nx=True)
                counted, _ = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise CacheNotReady(f"{self.address.place}: {error}") from error
        return int(counted)


@asynccontextmanager
async def open_cache(address: CacheAddress, *, environment: str, process: str) -> AsyncIterator[Cache]:
    """Open the cache of an environment; connections are made at first use and are named as PostgreSQL's are."""
    client = Redis(
        host=address.host,
        port=address.port,
        db=address.index,
        username=address.user,
        password=address.password.get_secret_value() if address.password else None,
        ssl=address.is_encrypted,
        client_name=f"dashtam.{environment}.{process}",
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        # One attempt beside the first covers a connection that Redis closed while it was idle.
        retry=Retry(NoBackoff(), 1),
        decode_responses=True,
    )
    try:
        yield Cache(client, address, prefix=key_prefix(environment))
    finally:
        await client.aclose()
