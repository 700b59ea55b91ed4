"""How Tortoise, Aerich and asyncpg are told where the database is: in discrete parameters, never in a URL."""

from pathlib import Path
from typing import Any, Final

from dashtam.settings.addresses import DatabaseAddress
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings

APP: Final = "models"
MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"
_CONNECT_SECONDS: Final = 10
_LOCK_WAIT: Final = "30s"


def session_name(settings: Settings, process: str) -> str:
    """What PostgreSQL calls our sessions: `dashtam.<environment>.<process>`, at most 63 bytes."""
    return f"dashtam.{settings.ENVIRONMENT}.{process}"


def connection_parameters(address: DatabaseAddress, *, session: str) -> dict[str, Any]:
    """Build the arguments of `asyncpg.connect`; every part is given, so that no PG* variable supplies it."""
    return {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password.get_secret_value(),
        "database": address.name,
        "timeout": _CONNECT_SECONDS,
        "ssl": "prefer",
        "target_session_attrs": "any",
        "server_settings": {
            "application_name": session,
            "search_path": "public",
            # What is a string, and what is a statement behind it, is read one way by us and by the server.
            "standard_conforming_strings": "on",
            # Somebody who locks a table and goes to lunch makes us fail and say so, and does not keep us for ever.
            "lock_timeout": _LOCK_WAIT,
        },
    }


def tortoise_config(settings: Settings, process: str) -> dict[str, Any]:
    """Build the configuration of Tortoise for a process; the pool opens with the first query."""
    credentials = connection_parameters(settings.database, session=session_name(settings, process))
    return {
        "connections": {"default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}},
        "apps": {APP: {"models": ["dashtam.models", "aerich.models"], "default_connection": "default"}},
        "use_tz": True,
        "timezone": "UTC",
    }


def __getattr__(name: str) -> dict[str, Any]:
    """Build TORTOISE_ORM for the command `aerich`, which looks here; at import no settings are read."""
    if name == "TORTOISE_ORM":
        return tortoise_config(load_settings(Settings), "aerich")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
