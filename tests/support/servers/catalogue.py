"""Reads the whole catalogue of a schema as text, to compare two ways to create the schema."""

from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

_QUERIES: Final = {
    "relations": """
        SELECT relname, relkind, relpersistence, relrowsecurity, relacl::text, pg_get_userbyid(relowner),
               obj_description(oid, 'pg_class')
          FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind <> 't'""",
    "columns": """
        SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
               pg_get_expr(adbin, adrelid), attcollation::regcollation::text, col_description(pg_class.oid, attnum)
          FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
          LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
         WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped AND relkind = 'r'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid), condeferrable, convalidated
          FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(pg_trigger.oid)
          FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
         WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid), proacl::text, obj_description(oid, 'pg_proc')
          FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind IN ('f', 'p')
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')""",
    "types": """
        SELECT typname, typtype FROM pg_type
         WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e', 'r')""",
}


async def read_catalogue(connection: BaseDBAsyncClient) -> dict[str, list[str]]:
    """Return everything in the schema `public`, sorted, except extensions and the order of columns."""
    return {
        kind: sorted(
            " | ".join(str(value) for value in row.values())
            for row in await connection.execute_query_dict(query)
        )
        for kind, query in _QUERIES.items()
    }
