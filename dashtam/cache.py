"""The Redis client, and every key name, in one list."""

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, WatchError

from dashtam.errors import CacheNotReady
from dashtam.settings.addresses import CacheAddress

_CONNECT_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 2.0


def key_prefix(environment: str) -> str:
    """What every key of an environment begins with; docker/redis-users.conf gives each user the keys of its own."""
    return f"{environment}:"


def callbacks(ip: str) -> str:
    """Counts the callbacks of one address."""
    return f"callback:all:{ip}"


def refused_callbacks(ip: str) -> str:
    """Counts the callbacks that one address sent without being awaited."""
    return f"callback:refused:{ip}"


def identity_key(token_hash: str) -> str:
    """Remembers who an access token stands for; empty where everybody shall ask PostgreSQL."""
    return f"identity:{token_hash}"


def attempts(rule: str, subject: str) -> str:
    """Counts the attempts of one subject under one rule."""
    return f"attempts:{rule}:{subject}"


def known_device(account: str, network: str) -> str:
    """Remembers that an account was signed in to from a network."""
    return f"known:{account}:{network}"


def refresh_lock(connection_id: UUID) -> str:
    """Holds the name of whoever refreshes the token of a connection."""
    return f"refresh:{connection_id}"


def circuit_failures(provider_key: str) -> str:
    """Counts the failures of a provider since it last answered."""
    return f"circuit:failures:{provider_key}"


def circuit_open(provider_key: str) -> str:
    """Says why a provider is left alone, for as long as it is."""
    return f"circuit:open:{provider_key}"


def circuit_trial(provider_key: str) -> str:
    """Holds the name of whoever tries whether a provider that failed answers again."""
    return f"circuit:trial:{provider_key}"


def heartbeat(process: str) -> str:
    """Says that a process without a port works, or what keeps it from working."""
    return f"heartbeat:{process}"


class Count(NamedTuple):
    """How often something occurred in a window, and when the window ends."""

    occurrences: int
    ends_in: timedelta


def mailbox() -> str:
    """Holds the mail that an environment without a mail server did not send."""
    return "mailbox"


def sandbox_key(kind: str, name: str) -> str:
    """Holds the state of the sandbox: its knobs, counters, and what hashes of its codes and tokens stand for."""
    return f"sandbox:{kind}:{name}"


class Cache:
    """The keys of one environment; every method raises CacheNotReady where Redis does not answer."""

    def __init__(self, client: "Redis", address: CacheAddress, *, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self.address = address

    async def check(self) -> None:
        """Raise CacheNotReady unless Redis answers on the database index of the settings."""
        with self._answering():
            info = await self._client.client_info()
        if info["db"] != self.address.index:
            raise CacheNotReady(f"{self.address.place}: connected to index {info['db']}")

    async def count(self, key: str, *, window: timedelta) -> int:
        """Count one more occurrence of `key`; answer how many there were since the window of the first one opened."""
        return (await self.count_in_window(key, window=window)).occurrences

    async def count_in_window(self, key: str, *, window: timedelta) -> Count:
        """Count one more occurrence of `key`, and say when the window of the first one ends."""
        with self._answering():
            async with self._client.pipeline(transaction=True) as pipeline:
                pipeline.incr(self._prefix + key)
                pipeline.expire(self._prefix + key, window, nx=True)
                pipeline.pttl(self._prefix + key)
                counted, _, milliseconds = await pipeline.execute()
        return Count(int(counted), timedelta(milliseconds=int(milliseconds)))

    async def recall(self, key: str) -> str | None:
        """What is remembered under a key; None and the empty string where nothing is."""
        with self._answering():
            text = await self._client.get(self._prefix + key)
        return None if text is None else str(text)

    async def recall_all(self, *keys: str) -> list[str | None]:
        """What is remembered under some keys, at one moment."""
        with self._answering():
            async with self._client.pipeline(transaction=True) as pipeline:
                for key in keys:
                    pipeline.get(self._prefix + key)
                return [None if text is None else str(text) for text in await pipeline.execute()]

    async def remember(self, key: str, text: str, *, ttl: timedelta) -> None:
        """Remember a text, unless something is remembered, or was just forgotten."""
        if (milliseconds := int(ttl.total_seconds() * 1000)) > 0:
            with self._answering():
                await self._client.set(self._prefix + key, text, px=milliseconds, nx=True)

    async def put(self, key: str, text: str, *, ttl: timedelta) -> None:
        """Remember a text, whatever was remembered."""
        with self._answering():
            await self._client.set(self._prefix + key, text, px=max(1, int(ttl.total_seconds() * 1000)))

    async def set_if_absent(self, key: str, text: str, *, ttl: timedelta) -> str | None:
        """Remember a text where nothing is, and answer None; else answer what is there.

        Of many at once exactly one is answered None.
        """
        with self._answering():
            there = await self._client.set(
                self._prefix + key, text, px=max(1, int(ttl.total_seconds() * 1000)), nx=True, get=True
            )
        return None if there is None else str(there)

    async def remaining(self, key: str) -> timedelta | None:
        """How long something is remembered yet; None where nothing is."""
        with self._answering():
            milliseconds = int(await self._client.pttl(self._prefix + key))
        return timedelta(milliseconds=milliseconds) if milliseconds > 0 else None

    async def release(self, key: str, owner: str) -> bool:
        """Remove a claim if it is still `owner`'s; whether it was.

        WATCH makes compare and delete one step without a script, on Redis 8 as on Valkey 9.
        """
        with self._answering():
            async with self._client.pipeline(transaction=True) as pipeline:
                try:
                    await pipeline.watch(self._prefix + key)
                    if await pipeline.get(self._prefix + key) != owner:
                        return False
                    pipeline.multi()  # type: ignore[no-untyped-call]  # the library types it in part
                    pipeline.delete(self._prefix + key)
                    await pipeline.execute()
                except WatchError:  # it ran out between the two, and is somebody else's or nobody's
                    return False
        return True

    async def drop(self, keys: Collection[str]) -> None:
        """Remove what is remembered or counted under some keys."""
        with self._answering():
            await self._client.delete(*(self._prefix + key for key in keys))

    async def forget(self, keys: Collection[str], *, ttl: timedelta) -> None:
        """Put nothing in the place of what is remembered, and let nothing be remembered there for `ttl`.

        A key that were only removed could be filled at once by somebody who read the truth before it changed.
        """
        if not keys:
            return
        with self._answering():
            async with self._client.pipeline(transaction=True) as pipeline:
                for key in keys:
                    pipeline.set(self._prefix + key, "", px=int(ttl.total_seconds() * 1000))
                await pipeline.execute()

    async def push(self, key: str, value: str, *, most: int, ttl: timedelta) -> None:
        """Put a value in front of a list that keeps the newest `most`, and all of it for `ttl` from now."""
        with self._answering():
            async with self._client.pipeline(transaction=True) as pipeline:
                pipeline.lpush(self._prefix + key, value)
                pipeline.ltrim(self._prefix + key, 0, most - 1)
                pipeline.expire(self._prefix + key, ttl)
                await pipeline.execute()

    async def list_values(self, key: str) -> list[str]:
        """List what was pushed, the newest first."""
        with self._answering():
            return [str(value) for value in await self._client.lrange(self._prefix + key, 0, -1)]

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError, TimeoutError) as error:
            raise CacheNotReady(f"{self.address.place}: {error}") from error


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
