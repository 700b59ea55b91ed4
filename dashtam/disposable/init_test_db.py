"""Makes the test database new in the nine steps of the workflow: `python -m dashtam.disposable.init_test_db`."""

import sys
from typing import Final

import asyncpg

from dashtam.console import done, run
from dashtam.database.errors import DatabaseNotReady
from dashtam.database.lifespan import open_session
from dashtam.disposable.reset import build_schema, reset
from dashtam.disposable.verification import VerifiedTestDatabase, open_verified
from dashtam.models import __models__
from dashtam.settings.loading import load_settings
from dashtam.settings.model import TestSettings

TABLES: Final = tuple(model._meta.db_table for model in __models__)


async def initialize() -> None:
    """Verify the test database, empty it, and build it from the models.

    Raises:
        SettingsError: the settings do not describe a test environment.
        UnsafeDatabase: the database is not disposable; every reason at once, nothing was touched.
        DatabaseNotReady: the server does not answer, or the tables are not there afterwards.
    """
    settings = load_settings(TestSettings)
    done("1 settings loaded", environment=settings.ENVIRONMENT)
    async with open_verified(settings, process="init_test_db", exclusive=True) as verified:
        _tell_verified(verified)
        await _optimize(verified)
        schema = await build_schema(settings)
        done("5 models imported", tables=len(TABLES))
        await reset(verified, schema)
        done("6 existing tables dropped", tables=len(verified.seen.tables))
        done("7 tables created", tables=TABLES)
    await _verify_tables(settings)
    done("8 all tables found on a new connection", tables=len(TABLES))
    done("9 Test DB ready", database=settings.database.place)


def _tell_verified(verified: VerifiedTestDatabase) -> None:
    settings, seen = verified.settings, verified.seen
    done("2 safety check", ENVIRONMENT=settings.ENVIRONMENT, name=seen.database, TESTING="true")
    done("3 connected and verified", database=seen.database, user=seen.user, cluster=seen.cluster_identifier)


async def _optimize(verified: VerifiedTestDatabase) -> None:
    """Trade durability for speed in this database alone: the cluster also holds the development data."""
    connection, name = verified.connection, verified.seen.database
    await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    await connection.execute("SET synchronous_commit = off")
    facts = {
        setting: await _try_to_switch_off(connection, setting) for setting in ("fsync", "full_page_writes")
    }
    commits = await connection.fetchval("SHOW synchronous_commit")
    done("4 optimizations applied", synchronous_commit=commits, **facts)


async def _try_to_switch_off(connection: asyncpg.Connection, setting: str) -> str:
    try:
        await connection.execute(f"SET {setting} = off")
    except asyncpg.CantChangeRuntimeParamError:
        return "not allowed here"
    return "off"


async def _verify_tables(settings: TestSettings) -> None:
    async with open_session(settings, process="init_test_db") as session:
        found = await session.fetchval(
            "SELECT ARRAY(SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY ($1))",
            TABLES,
        )
    if missing := set(TABLES).difference(found):
        raise DatabaseNotReady(f"tables missing after they were created: {', '.join(sorted(missing))}")


if __name__ == "__main__":
    sys.exit(run(initialize))
