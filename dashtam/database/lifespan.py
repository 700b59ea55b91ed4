"""The database connection of a process: opened once, closed by whoever opened it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import asyncpg
from tortoise.context import TortoiseContext, get_current_context

from dashtam.database.config import connection_parameters, session_name, tortoise_config
from dashtam.database.errors import DatabaseNotReady
from dashtam.settings.addresses import DatabaseAddress
from dashtam.settings.model import Settings

# What a session says whose server is killed, stopped or restarted under it.
_LOST: Final = (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError)


@asynccontextmanager
async def connect(settings: Settings, *, process: str) -> AsyncIterator[None]:
    """Make the models usable in this process, under the session name `dashtam.<environment>.<process>`.

    Connections are opened by the first query, so a server starts while the database is away, and says so in
    its readiness. A process has one pool: inside an open `connect` another one shares it.

    Raises:
        DatabaseNotReady: this process is already connected to another database, or somebody holds a lock too long.
    """
    if (outer := get_current_context()) is not None:
        _share(outer, settings.database)
        with _telling_locks(settings.database):
            yield
        return
    context = TortoiseContext()
    # The fallback makes the models usable in every task: servers and test runners enter their lifespan in a
    # task that is not an ancestor of those that query. For the same reason the context is current during its
    # own set-up alone: it would be left in another task than it was entered in.
    with context:
        await context.init(tortoise_config(settings, process), _enable_global_fallback=True)
    try:
        with _telling_locks(settings.database):
            yield
    finally:
        await context.close_connections()


@contextmanager
def _telling_locks(address: DatabaseAddress) -> Iterator[None]:
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise DatabaseNotReady(
            f"somebody holds a lock in {address.place} ({error}); find them in pg_stat_activity"
        ) from error


def _share(outer: TortoiseContext, address: DatabaseAddress) -> None:
    parts = outer.connections.db_config["default"]["credentials"]
    opened = f"{parts['host']}:{parts['port']}/{parts['database']}"
    if opened != address.place:
        raise DatabaseNotReady(
            f"this process is connected to {opened}; close that connection before opening {address.place}"
        )


@asynccontextmanager
async def open_session(
    settings: Settings, *, process: str, database: str | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """Open one connection of its own, outside the pool: for locks, for verification and for what is verified.

    Raises:
        DatabaseNotReady: says where it tried and what the server answered, that it went away meanwhile, or that
            its disk is full.
    """
    parameters = connection_parameters(settings.database, session=session_name(settings, process))
    if database is not None:
        parameters["database"] = database
    try:
        connection = await asyncpg.connect(**parameters)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseNotReady(
            f"cannot connect to {settings.database.place}: {str(error) or type(error).__name__}"
        ) from error
    try:
        yield connection
    except asyncpg.InsufficientResourcesError as error:  # such as a full disk
        raise DatabaseNotReady(f"{settings.database.place}: {error}") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        if not isinstance(error, _LOST) and not connection.is_closed():
            raise
        raise DatabaseNotReady(f"lost the connection to {settings.database.place}: {error}") from error
    finally:
        await connection.close()
