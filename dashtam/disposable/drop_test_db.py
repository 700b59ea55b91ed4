"""Destroys the test database and its Redis index: `python -m dashtam.disposable.drop_test_db`."""

import asyncio
import sys
from typing import Final

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from dashtam.cache import key_prefix
from dashtam.console import done, run
from dashtam.database.errors import DatabaseNotReady
from dashtam.database.lifespan import open_session
from dashtam.disposable.decision import expected_stamp
from dashtam.disposable.errors import UnsafeDatabase
from dashtam.disposable.verification import VerifiedTestDatabase, open_verified
from dashtam.errors import CacheNotReady
from dashtam.settings.loading import load_settings
from dashtam.settings.model import TestSettings

_MAINTENANCE: Final = "postgres"
_KEYS_AT_ONCE: Final = 1000
_PATIENCE_SECONDS: Final = 60.0
_PROBE_SECONDS: Final = 0.1
_IDENTIFY: Final = """
SELECT (SELECT system_identifier::text FROM pg_control_system()) AS cluster, pg_is_in_recovery() AS in_recovery,
       (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1) AS stamp,
       EXISTS (SELECT FROM pg_database WHERE datname = $1) AS exists
"""


async def destroy() -> None:
    """Verify and drop the test database, and empty the Redis index of the tests; there is no harm in a second run.

    Raises:
        SettingsError: the settings do not describe a test environment.
        UnsafeDatabase: the database or the index is not disposable; that one was not touched.
        DatabaseNotReady, CacheNotReady: a server does not answer.
    """
    settings = load_settings(TestSettings)
    done("settings loaded", environment=settings.ENVIRONMENT)
    if await _exists(settings):
        async with open_verified(settings, process="drop_test_db", exclusive=True) as verified:
            await drop(verified)
    else:
        done("test database was already gone", database=settings.database.place)
    await _empty_cache(settings)


async def _exists(settings: TestSettings) -> bool:
    async with open_session(settings, process="drop_test_db", database=_MAINTENANCE) as session:
        return await _identify(session, settings)


async def _identify(session: asyncpg.Connection, settings: TestSettings) -> bool:
    """Answer whether the database exists, or refuse: the cluster and the stamp must be those that we know."""
    (row,) = await session.fetch(_IDENTIFY, settings.database.name)
    expected, seen = settings.CLUSTER_IDENTIFIER, row["cluster"]
    refusals = []
    if seen != expected or row["in_recovery"]:
        refusals.append(
            f"the cluster is {seen}, another server than the cluster {expected}, or a replica of it"
        )
    elif row["exists"] and row["stamp"] != expected_stamp(expected):
        refusals.append(f"the stamp is {row['stamp']!r}; expected {expected_stamp(expected)!r}")
    if refusals:
        raise UnsafeDatabase(settings.database.place, refusals)
    return bool(row["exists"])


async def drop(verified: VerifiedTestDatabase, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
    """Drop the database that was verified; its own connection, which the proof holds, goes with it.

    A database is dropped from another one, so the cluster and the stamp are compared once more there.

    Raises:
        UnsafeDatabase: it is not disposable any more; it was not touched.
        DatabaseNotReady: an autovacuum worker is at work in it and does not end within `patience_seconds`.
    """
    settings, name = verified.settings, verified.seen.database
    deadline = asyncio.get_running_loop().time() + patience_seconds
    async with open_session(settings, process="drop_test_db", database=_MAINTENANCE) as session:
        while await _identify(session, settings):
            try:
                await session.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            except asyncpg.InsufficientPrivilegeError as error:
                # An autovacuum worker belongs to no role, so only a superuser may end it; it ends when it is done.
                if asyncio.get_running_loop().time() > deadline:
                    reason = f"something at work in it cannot be ended, as an autovacuum worker: {error}"
                    raise DatabaseNotReady(f"{settings.database.place}: {reason}") from error
                await asyncio.sleep(_PROBE_SECONDS)
    done("test database dropped", database=settings.database.place)


async def _empty_cache(settings: TestSettings) -> None:
    address = settings.cache
    password = None if address.password is None else address.password.get_secret_value()
    client = Redis(
        host=address.host,
        port=address.port,
        db=address.index,
        username=address.user,
        password=password,
        decode_responses=True,
    )
    try:
        async with client:
            keys = await empty(client, address.index, address.place, prefix=key_prefix(settings.ENVIRONMENT))
    except RedisError as error:
        raise CacheNotReady(f"{address.place}: {error}") from error
    done("Redis index emptied", cache=address.place, keys=keys)


async def empty(client: Redis, index: int, place: str, *, prefix: str) -> int:
    """Remove the keys of an environment from the index that the connection has really selected; answers how many.

    Key by key, for no user of ours may empty a whole index. Never index 0, which is development's.

    Raises:
        UnsafeDatabase: another index than `index` is selected, or it is index 0.
    """
    async with client.client() as connection:
        seen = int((await connection.client_info())["db"])
        if seen != index or seen == 0:
            raise UnsafeDatabase(place, [f"connected to Redis index {seen}; expected {index}, and never 0"])
        keys = [key async for key in connection.scan_iter(match=f"{prefix}*", count=_KEYS_AT_ONCE)]
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            await connection.unlink(*keys[start : start + _KEYS_AT_ONCE])
        return len(set(keys))


if __name__ == "__main__":
    sys.exit(run(destroy))
