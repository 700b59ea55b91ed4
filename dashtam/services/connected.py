"""What this process is really connected to, asked of the server itself."""

from tortoise import connections


async def database_name() -> str:
    """Ask PostgreSQL for the name of the connected database; what the settings say proves nothing."""
    rows = await connections.get("default").execute_query_dict("SELECT current_database() AS name")
    return str(rows[0]["name"])
