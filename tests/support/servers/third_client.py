"""Another client of the database, whose open database transaction holds its locks without continuing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from dashtam.devenv.components import Mode
from tests.support.projects.project import ThrowawayProject


@asynccontextmanager
async def idle_transaction(project: ThrowawayProject, mode: Mode, *statements: str) -> AsyncIterator[None]:
    """Run statements as the role of a mode, and keep the database transaction open until the end of the context."""
    configuration = project.configuration
    owner = configuration.owner(mode)
    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=configuration.postgres_port,
        user=owner.user,
        password=owner.password,
        database=owner.database,
        server_settings={"application_name": "another editor"},
    )
    try:
        await connection.execute("BEGIN")
        for statement in statements:
            await connection.execute(statement)
        yield
    finally:
        connection.terminate()  # the session may be gone, because a verb may stop the server
