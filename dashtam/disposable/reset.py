"""Empties a verified test database and builds it again, in one database transaction."""

from typing import Final

import asyncpg
from tortoise.connection import get_connection
from tortoise.utils import get_schema_sql

from dashtam.bootstrap.migrations import files
from dashtam.database import rules
from dashtam.database.config import APP
from dashtam.database.errors import DatabaseNotReady
from dashtam.database.lifespan import connect
from dashtam.disposable.verification import VerifiedTestDatabase
from dashtam.settings.model import Settings

# By name and IF EXISTS: what a CASCADE took is still in the list. Types come before routines: that of a range brings
# some that cannot be dropped without it. Extensions are the superuser's, and stay.
EMPTY: Final = r"""
DO $empty$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace
         WHERE nspname NOT IN ('public', 'information_schema') AND nspname !~ '^pg_'
        UNION ALL
        SELECT format('DROP %s IF EXISTS %s CASCADE', kind, string_agg(format('public.%I', relname), ', '))
          FROM pg_class CROSS JOIN LATERAL (SELECT CASE relkind
                   WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'TABLE' WHEN 'f' THEN 'FOREIGN TABLE'
                   WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' END) AS kinds (kind)
         WHERE relnamespace = 'public'::regnamespace AND kind IS NOT NULL
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
                              AND objid = pg_class.oid AND deptype = 'e')
         GROUP BY kind
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS public.%I CASCADE', typname)
          FROM pg_type LEFT JOIN pg_class ON pg_class.oid = typrelid
         WHERE typnamespace = 'public'::regnamespace AND typtype IN ('c', 'd', 'e', 'r')
           AND coalesce(relkind, 'c') = 'c'
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_type'::regclass
                              AND objid = pg_type.oid AND deptype = 'e')
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS public.%I(%s) CASCADE', proname, pg_get_function_identity_arguments(oid))
          FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass
                              AND objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE statement;
    END LOOP;
END $empty$;
"""

# A table that somebody else holds must be an error, not a wait without end.
_PATIENCE: Final = "SET LOCAL lock_timeout = '5s'; SET LOCAL client_min_messages = warning;"


async def build_schema(settings: Settings) -> str:
    """Build what `generate_schemas` would run, with the rules on top and the migrations marked as applied."""
    async with connect(settings, process="init_test_db"):
        tables = get_schema_sql(get_connection("default"), safe=False)
    applied = ", ".join(f"('{name}', '{APP}', '{{}}')" for name in files())
    return f"{tables}\n{rules.ALL}\nINSERT INTO aerich (version, app, content) VALUES {applied};"


async def reset(verified: VerifiedTestDatabase, schema: str) -> None:
    """Drop everything and build the schema: killed anywhere, the database is as before or ready.

    Raises:
        DatabaseNotReady: the server refused, or somebody holds a table; the database is as before.
    """
    try:
        async with verified.connection.transaction():
            await verified.connection.execute(_PATIENCE + EMPTY + schema)
    except asyncpg.PostgresError as error:
        raise DatabaseNotReady(f"{verified.seen.database} was left as it was: {error}") from error
