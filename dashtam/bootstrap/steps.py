"""Makes a database what the application expects; repeatable, and never destroys."""

from collections.abc import Callable

from dashtam.bootstrap.migrations import history, upgrade
from dashtam.bootstrap.seeds import seed
from dashtam.settings.model import Settings


async def bootstrap(settings: Settings, *, tell: Callable[..., None]) -> None:
    """Migrate and seed the connected database, telling each step; several processes may do so at once.

    Raises:
        DatabaseNotReady: the database does not answer, or a migration failed.
    """
    applied = await upgrade(settings)
    state = await history()
    tell("tables created where missing", migrations=len(applied), head=state.head)
    tell("catalogue of providers seeded", written=await seed())
