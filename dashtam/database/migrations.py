"""Aerich's migrations under the lock that Aerich lacks: what is applied, what is pending, and the way there.

Run as `python -m dashtam.database.migrations upgrade | create NAME | history`. There is no downgrade: it
would drop columns with what they hold.
"""

import argparse
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from aerich import Command
from aerich.models import Aerich
from tortoise.exceptions import OperationalError

from dashtam.database.config import APP, MIGRATIONS, tortoise_config
from dashtam.database.journal import done, run
from dashtam.database.lifespan import connect, open_session
from dashtam.errors import DatabaseNotReady, InvalidRequest
from dashtam.settings import Settings, load_settings

LOCK: Final = 0x64_61_73_68_6D_69_67_72
"""Key of the advisory lock around every upgrade: the bytes of `dashmigr`."""
_LOCK_WAIT: Final = "120s"
_FILE: Final = re.compile(r"(\d+)_\d{14}_\w+\.py")


@dataclass(frozen=True)
class Migrations:
    """Where a database stands: names of migration files, oldest first."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    """Applied to the database, but no file of this checkout: the database is ahead of the code."""

    @property
    def head(self) -> str | None:
        """The newest migration that is applied."""
        return self.applied[-1] if self.applied else None


def files(folder: Path = MIGRATIONS) -> list[str]:
    """List the names of the migration files, oldest first.

    Raises:
        DatabaseNotReady: there are none, so this installation is incomplete; no database is then called up to date.
    """
    names = [match for path in (folder / APP).glob("*.py") if (match := _FILE.fullmatch(path.name))]
    if not names:
        raise DatabaseNotReady(
            f"no migrations in {folder / APP}; run from a checkout, or from an image that has them"
        )
    return [match.group() for match in sorted(names, key=lambda match: int(match.group(1)))]


async def history(*, location: Path = MIGRATIONS) -> Migrations:
    """Compare the files with what the connected database has; an empty database has nothing."""
    try:
        recorded = {entry.version for entry in await Aerich.filter(app=APP).only("version")}
    except OperationalError as error:
        if not isinstance(error.__cause__, asyncpg.UndefinedTableError):
            raise
        recorded = set()
    known = files(location)
    return Migrations(
        applied=tuple(name for name in known if name in recorded),
        pending=tuple(name for name in known if name not in recorded),
        unknown=tuple(sorted(recorded.difference(known))),
    )


async def pending(*, location: Path = MIGRATIONS) -> list[str]:
    """List the migrations that the connected database lacks, oldest first.

    Raises:
        DatabaseNotReady: the database has migrations that this release does not know.
    """
    state = await history(location=location)
    if state.unknown:
        raise DatabaseNotReady(
            f"the database has migrations that this release lacks ({', '.join(state.unknown)}); "
            "run the release that made them, or a newer one"
        )
    return list(state.pending)


async def upgrade(settings: Settings, *, location: Path = MIGRATIONS) -> list[str]:
    """Apply what is pending, each migration in a database transaction of its own, and answer the names.

    To be called inside `connect`. Several processes may call it at once: one works, the others wait and find
    nothing left to do.

    Raises:
        DatabaseNotReady: a migration failed and was rolled back (those before it stay), or the lock is taken.
    """
    async with _locked(settings):
        await pending(location=location)
        command = Command(tortoise_config(settings, "migrations"), app=APP, location=str(location))
        await command.init()
        try:
            return await command.upgrade(run_in_transaction=True)
        except Exception as error:
            raise DatabaseNotReady(await _failure(error, location)) from error


async def _failure(error: Exception, location: Path) -> str:
    state = await history(location=location)
    name = state.pending[0] if state.pending else "unknown"
    place = state.head or "nothing"
    return f"migration {name} failed and was rolled back; the database stands at {place}: {error}"


@asynccontextmanager
async def _locked(settings: Settings) -> AsyncIterator[None]:
    """Hold the lock on a connection of its own: a lock of the pool's would move with the pool."""
    async with open_session(settings, process="migrations") as session:
        await session.execute(f"SET lock_timeout = '{_LOCK_WAIT}'")
        try:
            await session.execute(f"SELECT pg_advisory_lock({LOCK})")
        except asyncpg.LockNotAvailableError:
            raise DatabaseNotReady(
                f"another process has been migrating {settings.database.place} for more than {_LOCK_WAIT}; "
                "find it in pg_locks, where locktype is advisory"
            ) from None
        yield


async def create(settings: Settings, name: str) -> str | None:
    """Write a migration from the newest file to the models, and answer its name; None where nothing changed.

    Raises:
        InvalidRequest: the name is not made of lower-case letters, digits and _.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name):
        raise InvalidRequest(
            f"a migration cannot be called {name!r}; expected lower-case letters, digits and _"
        )
    command = Command(tortoise_config(settings, "migrations"), app=APP, location=str(MIGRATIONS))
    await command.init(offline=True)
    return await command.migrate(name, no_input=True, offline=True) or None


async def _main(arguments: argparse.Namespace) -> None:
    settings = load_settings(Settings)
    async with connect(settings, process="migrations"):
        if arguments.command == "upgrade":
            applied = await upgrade(settings)
            done("migrations applied", count=len(applied), names=applied, database=settings.database.place)
        elif arguments.command == "create":
            written = await create(settings, arguments.name)
            done("migration written" if written else "the models have not changed", file=written)
        else:
            _show(await history())


def _show(state: Migrations) -> None:
    for name in state.applied:
        done("applied", file=name)
    for name in state.pending:
        done("pending", file=name)
    for name in state.unknown:
        done("unknown to this release", file=name)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and answer the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dashtam.database.migrations", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("upgrade", help="apply what is pending")
    commands.add_parser("history", help="show what is applied and what is pending")
    commands.add_parser("create", help="write a migration from the models").add_argument("name")
    arguments = parser.parse_args(argv)
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    sys.exit(main())
