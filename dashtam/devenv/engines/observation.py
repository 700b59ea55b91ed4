"""What the running PostgreSQL says of itself: identity, sessions, migrations, and what the databases hold."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from dashtam.devenv.engines.engine import Engine

_MAINTENANCE: Final = "postgres"
_IDENTITY: Final = "SELECT system_identifier::text FROM pg_control_system()"
_SESSIONS: Final = """
SELECT DISTINCT application_name, datname, usename FROM pg_stat_activity
 WHERE application_name LIKE 'dashtam.%' AND datname IS NOT NULL
"""
_DATABASES: Final = "SELECT datname FROM pg_database WHERE datname LIKE 'dashtam%' ORDER BY datname"
_SNAPSHOTS: Final = """
SELECT datname, pg_database_size(oid), coalesce(shobj_description(oid, 'pg_database'), '')
  FROM pg_database WHERE datname ~ '^dashtam_snapshot_[a-z0-9]' ORDER BY datname
"""
_OCCUPANTS: Final = """
SELECT datname, application_name,
       format('pid %s, %s, as role %s, connected for %s', pid, coalesce(nullif(application_name, ''), 'unnamed'),
              usename, date_trunc('second', now() - backend_start))
  FROM pg_stat_activity WHERE backend_type <> 'autovacuum worker'
UNION ALL
SELECT database, '', format('prepared transaction %L of role %s', gid, owner) FROM pg_prepared_xacts
"""
_HAS_MIGRATIONS: Final = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename = 'aerich'"
_TABLES_AND_RECORD: Final = """
SELECT count(*), count(*) FILTER (WHERE schemaname = 'public' AND tablename = 'aerich')
  FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""
_MIGRATIONS: Final = "SELECT version FROM public.aerich WHERE app = 'models'"
_HEAD: Final = "SELECT version FROM public.aerich ORDER BY id DESC LIMIT 1"
_TABLES: Final = """
SELECT format('SELECT %L, count(*)::text, coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM %I.%I AS t',
              tablename, schemaname, tablename)
  FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename
"""


@dataclass(frozen=True)
class TableContents:
    """How many rows a table has, and a sum over all of them that changes with any of them."""

    rows: int
    checksum: str


def read_cluster_identifier(engine: Engine) -> str:
    """The number that initdb gave to the running cluster."""
    return engine.query(_MAINTENANCE, _IDENTITY)[0][0]


def read_sessions(engine: Engine) -> dict[str, str]:
    """Session name to the database it is really connected to, and as which role."""
    return {name: f"{database} as {user}" for name, database, user in engine.query(_MAINTENANCE, _SESSIONS)}


def list_databases(engine: Engine) -> list[str]:
    """The databases of Dashtam that the running cluster holds."""
    return [row[0] for row in engine.query(_MAINTENANCE, _DATABASES)]


def list_snapshot_databases(engine: Engine) -> list[tuple[str, int, str]]:
    """Name, size in bytes and comment of every database that is called as a snapshot is."""
    return [(name, int(size), comment) for name, size, comment in engine.query(_MAINTENANCE, _SNAPSHOTS)]


def list_occupants(engine: Engine, database: str, *, besides: Collection[str] = ()) -> list[str]:
    """Who keeps a database from being copied or renamed: its sessions and prepared transactions, a line each.

    `besides` are names of sessions that do not count.
    """
    found = engine.query(_MAINTENANCE, _OCCUPANTS)
    return [who for where, session, who in found if where == database and session not in besides]


def find_migration_head(engine: Engine, database: str) -> str | None:
    """The newest migration that a database has; None where it has none (the test database is built from the models)."""
    if engine.query(database, _HAS_MIGRATIONS)[0][0] == "0":
        return None
    rows = engine.query(database, _HEAD)
    return rows[0][0] if rows else None


def list_migrations(engine: Engine, database: str) -> set[str] | None:
    """The migrations that a database has; None where it is new and has not even a table."""
    [[tables, record]] = engine.query(database, _TABLES_AND_RECORD)
    if tables == "0":
        return None
    return set() if record == "0" else {row[0] for row in engine.query(database, _MIGRATIONS)}


def read_contents(engine: Engine, database: str) -> dict[str, TableContents]:
    """Count and add up every table of a database, in one query: all of them at the same moment."""
    questions = [row[0] for row in engine.query(database, _TABLES)]
    if not questions:
        return {}
    rows = engine.query(database, " UNION ALL ".join(questions))
    return {table: TableContents(int(count), checksum) for table, count, checksum in rows}


def find_differences(before: Mapping[str, TableContents], after: Mapping[str, TableContents]) -> list[str]:
    """The tables that are not what they were."""
    return sorted(table for table in before.keys() | after.keys() if before.get(table) != after.get(table))
