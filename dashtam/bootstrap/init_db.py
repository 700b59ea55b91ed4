"""Prepares the database of a process that is about to serve: `python -m dashtam.bootstrap.init_db`."""

import sys

from dashtam.bootstrap.steps import bootstrap
from dashtam.console import done, run
from dashtam.database.lifespan import connect, open_session
from dashtam.models import __models__
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings


async def initialize() -> None:
    """Load the settings, connect, and bring tables and catalogue up to date.

    Raises:
        SettingsError: settings are missing or malformed.
        DatabaseNotReady: the database does not answer, or a migration failed and was rolled back.
    """
    settings = load_settings(Settings)
    done("settings loaded", environment=settings.ENVIRONMENT, database=settings.database.place)
    async with open_session(settings, process="init_db") as session:
        seen = await session.fetchval("SELECT current_database() || ' as ' || current_user")
    done("connected", database=seen)
    done("models imported", tables=len(__models__))
    async with connect(settings, process="init_db"):
        await bootstrap(settings, tell=done)
    done("database ready", database=settings.database.place)


if __name__ == "__main__":
    sys.exit(run(initialize))
