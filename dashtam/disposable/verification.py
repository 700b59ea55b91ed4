"""Verifies the test database on the very connection that may then destroy it, and hands out the proof."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import asyncpg

from dashtam.database.config import session_name
from dashtam.database.lifespan import open_session
from dashtam.disposable.decision import Observation, development_name, reasons_to_refuse
from dashtam.disposable.errors import UnsafeDatabase
from dashtam.settings.model import TestSettings

LOCK: Final = 0x64_61_73_68_74_65_73_74
"""Key of the advisory lock on a test database: the bytes of `dashtest`."""
LOCKING_PROCESSES: Final = ("init_test_db", "drop_test_db", "pytest")
"""Processes whose sessions are not strangers: they take the lock, shared by pytest, exclusive by the others."""
_PATIENCE_SECONDS: Final = 3.0
_PROBE_SECONDS: Final = 0.05
_PROOF: Final = object()

_OBSERVE: Final = """
SELECT current_database() AS database, current_user AS "user", owner.rolname AS owner,
       current_schemas(false)::text[] AS schemas,
       (SELECT system_identifier::text FROM pg_control_system()) AS cluster_identifier,
       pg_is_in_recovery() AS in_recovery,
       shobj_description(self.oid, 'pg_database') AS stamp,
       self.datistemplate AS is_template,
       (SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user) AS is_privileged,
       EXISTS (SELECT FROM pg_database WHERE datname = $1 AND has_database_privilege(oid, 'CONNECT'))
           AS reaches_development,
       ARRAY(SELECT 'server ' || srvname FROM pg_foreign_server
             UNION ALL SELECT 'publication ' || pubname FROM pg_publication
             UNION ALL SELECT 'subscription of role ' || subowner::regrole FROM pg_subscription
              WHERE subdbid = self.oid) AS foreign_servers,
       ARRAY(SELECT relname::text FROM pg_class
              WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1) AS tables
  FROM pg_database AS self JOIN pg_roles AS owner ON owner.oid = self.datdba
 WHERE self.datname = current_database()
"""

# Server processes such as autovacuum have no role. Names that take the lock, this session's own among them, count
# only with our own role.
_FOREIGN_SESSIONS: Final = """
SELECT format('pid %s, %s, as %s', pid, coalesce(nullif(application_name, ''), 'unnamed'), usename) AS session
  FROM pg_stat_activity
 WHERE datname = current_database() AND usename IS NOT NULL
   AND NOT (usename = current_user AND application_name = ANY ($1))
 ORDER BY pid
"""


class VerifiedTestDatabase:
    """The proof that a database was found disposable, with the connection on which that was found.

    Only `open_verified` makes one. Functions that destroy take nothing else.
    """

    def __init__(
        self, connection: asyncpg.Connection, settings: TestSettings, seen: Observation, *, proof: object
    ) -> None:
        if proof is not _PROOF:
            raise TypeError("only dashtam.disposable.verification makes a VerifiedTestDatabase")
        self.connection = connection
        self.settings = settings
        self.seen = seen


@asynccontextmanager
async def open_verified(
    settings: TestSettings, *, process: str, exclusive: bool
) -> AsyncIterator[VerifiedTestDatabase]:
    """Connect as the test role, verify, lock, and hold all of it for as long as the context lasts.

    Raises:
        UnsafeDatabase: every reason to refuse at once, or the lock is taken; nothing was touched.
        DatabaseNotReady: the server or the database does not answer.
    """
    async with open_session(settings, process=process) as connection:
        seen = await _observe_patiently(connection, settings)
        if refusals := reasons_to_refuse(settings, seen):
            raise UnsafeDatabase(settings.database.place, refusals)
        await _lock(connection, settings, exclusive=exclusive)
        yield VerifiedTestDatabase(connection, settings, seen, proof=_PROOF)


async def observe(connection: asyncpg.Connection, settings: TestSettings) -> Observation:
    """Ask the server everything that the decision needs."""
    row = await connection.fetchrow(_OBSERVE, development_name(settings))
    if row is None:
        raise UnsafeDatabase(
            settings.database.place, ["the server does not list the database it is connected to"]
        )
    facts: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
    }
    return Observation(**facts, foreign_sessions=await _foreign_sessions(connection, settings))


async def _foreign_sessions(connection: asyncpg.Connection, settings: TestSettings) -> tuple[str, ...]:
    own = [session_name(settings, process) for process in LOCKING_PROCESSES]
    return tuple(row["session"] for row in await connection.fetch(_FOREIGN_SESSIONS, own))


async def _observe_patiently(connection: asyncpg.Connection, settings: TestSettings) -> Observation:
    """Give sessions that are about to end the time to do so: a health probe, a process that was just stopped."""
    seen = await observe(connection, settings)
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while seen.foreign_sessions and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_PROBE_SECONDS)
        seen = replace(seen, foreign_sessions=await _foreign_sessions(connection, settings))
    return seen


async def _lock(connection: asyncpg.Connection, settings: TestSettings, *, exclusive: bool) -> None:
    function = "pg_try_advisory_lock" if exclusive else "pg_try_advisory_lock_shared"
    if not await connection.fetchval(f"SELECT {function}($1)", LOCK):
        raise UnsafeDatabase(
            settings.database.place,
            [
                "another run holds the test database; wait for it: SELECT * FROM pg_stat_activity shows who it is"
            ],
        )
