"""Somebody else's connection: a transaction that was begun, holds its locks, and does not go on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from dashtam.devenv.components import Mode
from tests.support.projects.project import ThrowawayProject


@asynccontextmanager
async def idle_transaction(project: ThrowawayProject, mode: Mode, *statements: str) -> AsyncIterator[None]:
    """Run statements in a database transaction as the role of a mode, and leave it open; never committed."""
    configuration = project.configuration
    owner = configuration.owner(mode)
    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=configuration.postgres_port,
        user=owner.user,
        password=owner.password,
        database=owner.database,
        server_settings={"application_name": "somebody's editor"},
    )
    try:
        await connection.execute("BEGIN")
        for statement in statements:
            await connection.execute(statement)
        yield
    finally:
        connection.terminate()  # it may be gone: a verb may stop the server under it
