"""What a running process holds open, in one `async with`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from quart import Quart

from dashtam.cache import Cache, open_cache
from dashtam.database.lifespan import connect
from dashtam.security.cipher import Cipher
from dashtam.settings import Settings

_EXTENSION: Final = "dashtam"


@dataclass(frozen=True)
class Resources:
    """What handlers work with; the database connection is not here, the models find it themselves."""

    settings: Settings
    cache: Cache
    cipher: Cipher


@asynccontextmanager
async def open_resources(settings: Settings, *, process: str) -> AsyncIterator[Resources]:
    """Open database connection, cache and cipher for a process, and close them in reverse.

    Nothing is connected before the first query, so that a server starts, and says so in its readiness, while
    PostgreSQL or Redis is away.
    """
    async with (
        connect(settings, process=process),
        open_cache(settings.cache, environment=settings.ENVIRONMENT, process=process) as cache,
    ):
        yield Resources(settings, cache, Cipher(settings.token_keys))


def hold(app: Quart, resources: Resources | None) -> None:
    """Give an application its resources, or take them away."""
    app.extensions[_EXTENSION] = resources


def held_by(app: Quart) -> Resources:
    """The resources of an application that is being served."""
    resources = app.extensions[_EXTENSION]
    if not isinstance(resources, Resources):
        raise TypeError(f"{app.name} is not being served: it holds no resources")
    return resources
