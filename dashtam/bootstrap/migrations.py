"""Aerich's migrations under the lock that Aerich lacks: what is applied, what is pending, and the way there.

Run as `python -m dashtam.bootstrap.migrations pending | upgrade [--allow NAME ...] | create NAME | history`. There is
no downgrade: it would drop columns with what they hold.
"""

import argparse
import json
import re
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import asyncpg
from aerich import Command
from aerich.models import Aerich
from aerich.utils import decompress_dict, get_models_describe, import_py_file
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from dashtam.bootstrap.errors import DestructiveMigrations
from dashtam.console import done, run
from dashtam.database.config import APP, MIGRATIONS, tortoise_config
from dashtam.database.errors import DatabaseNotReady
from dashtam.database.lifespan import connect, open_session
from dashtam.errors import InvalidRequest
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings

LOCK: Final = 0x64_61_73_68_6D_69_67_72
"""Key of the advisory lock around every upgrade: the bytes of `dashmigr`."""
_APPLYING: Final = LOCK + 1
"""Key of the advisory lock of a migration's own database transaction.

The session that holds `LOCK` ends with its process; the database transaction that the process had begun may end later.
"""
_LOCK_WAIT: Final = "120s"
_ALONE: Final = (
    f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'; SELECT pg_advisory_xact_lock({_APPLYING}); "
    "SET LOCAL lock_timeout TO DEFAULT"
)
# A table with row security, or of another server, may hold rows that we do not see.
_TABLES: Final = """
SELECT format('%I.%I', nspname, relname) AS name, relkind = 'f' OR relrowsecurity AS may_hide
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
 WHERE relkind IN ('r', 'f') AND nspname <> 'information_schema' AND left(nspname, 3) <> 'pg_'
   AND pg_class.oid IS DISTINCT FROM to_regclass('public.aerich')
"""
_LARGE_OBJECTS: Final = "EXISTS (SELECT FROM pg_largeobject_metadata)"
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
        DatabaseNotReady: there are none, so this installation is incomplete, or one is not named as Aerich names them;
            no database is then called up to date.
    """
    paths = [path for path in (folder / APP).glob("*.py") if path.name != "__init__.py"]
    if strange := sorted(path.name for path in paths if not _FILE.fullmatch(path.name)):
        raise DatabaseNotReady(
            f"{', '.join(strange)} in {folder / APP}: expected names like 1_20261231235959_what_changed.py"
        )
    if not paths:
        raise DatabaseNotReady(
            f"no migrations in {folder / APP}; run from a checkout, or from an image that has them"
        )
    return sorted((path.name for path in paths), key=lambda name: int(name.partition("_")[0]))


async def history(*, location: Path = MIGRATIONS) -> Migrations:
    """Compare the files with what the connected database has; an empty database has nothing."""
    recorded = await _list_recorded()
    known = files(location)
    return Migrations(
        applied=tuple(name for name in known if name in recorded),
        pending=tuple(name for name in known if name not in recorded),
        unknown=tuple(sorted(recorded.difference(known))),
    )


async def _list_recorded() -> set[str]:
    # An error would end a database transaction that we are in, so Aerich's table is asked for first.
    rows = await get_connection("default").execute_query_dict("SELECT to_regclass('public.aerich') AS found")
    if rows[0]["found"] is None:
        return set()
    return {entry.version for entry in await Aerich.filter(app=APP).only("version")}


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


async def is_empty() -> bool:
    """Whether the connected database has nothing to lose: no row in any table but Aerich's own."""
    connection = get_connection("default")
    tables = await connection.execute_query_dict(_TABLES)
    if any(table["may_hide"] for table in tables):
        return False
    questions = [f"EXISTS (SELECT FROM {table['name']})" for table in tables]
    rows = await connection.execute_query_dict(f"SELECT {' OR '.join([_LARGE_OBJECTS, *questions])} AS holds")
    return not rows[0]["holds"]


async def upgrade(
    settings: Settings, *, allow: Collection[str] = (), location: Path = MIGRATIONS
) -> list[str]:
    """Apply what is pending, each migration in a database transaction of its own, and answer the names.

    To be called inside `connect`. Several processes may call it at once: one works, the others wait and find
    nothing left to do. `allow` names migrations that may take data away.

    Raises:
        DestructiveMigrations: others may do so, and the database is not empty; nothing at all was applied.
        InvalidRequest: `allow` names something that is no migration.
        DatabaseNotReady: a migration failed and was rolled back (those before it stay), or the lock is taken.
    """
    if strange := sorted(set(allow).difference(files(location))):
        raise InvalidRequest(f"there is no migration {', '.join(strange)}; `history` lists them")
    async with _locked(settings):
        names = await pending(location=location)
        if not names:
            return []
        read = await _refuse_hurtful(settings, names, allow, location)
        try:
            return [name for name in names if await _apply(location / APP / name, read.get(name))]
        except Exception as error:
            raise DatabaseNotReady(await _failure(error, location)) from error


async def _refuse_hurtful(
    settings: Settings, names: Sequence[str], allow: Collection[str], location: Path
) -> dict[str, str]:
    """Answer the SQL that was judged, by migration; none is judged where there is nothing to lose."""
    if await is_empty():
        return {}
    # Brings a parser, which a database without news does not need.
    from dashtam.bootstrap.analysis import analyze

    analyzed = analyze(names, location / APP)
    refused = {
        migration.name: [f"{harm.reason}: {harm.statement}" for harm in migration.harms]
        for migration in analyzed
        if migration.harms and migration.name not in allow
    }
    if refused:
        raise DestructiveMigrations(settings.database.place, refused)
    return {migration.name: migration.sql for migration in analyzed if migration.sql is not None}


async def _apply(file: Path, judged: str | None) -> bool:
    """Run a migration and record it, in one database transaction; False where another process was faster."""
    module = import_py_file(file)
    if getattr(module, "RUN_IN_TRANSACTION", True) is not True:
        raise DatabaseNotReady("RUN_IN_TRANSACTION is not true; a migration is one database transaction")
    async with in_transaction("default") as connection:
        await connection.execute_script(_ALONE)
        if file.name in await _list_recorded():
            return False
        sql = await module.upgrade(connection)
        if judged is not None and sql != judged:
            raise DatabaseNotReady("its SQL is not what was read from its file")
        if sql.strip():
            await connection.execute_script(sql)
        state = getattr(module, "MODELS_STATE", None)
        content = decompress_dict(state) if state else get_models_describe(APP)
        await Aerich.create(version=file.name, app=APP, content=content, using_db=connection)
    return True


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
        if arguments.command == "pending":
            print(json.dumps(await _foresee()))  # noqa: T201  # for the tasks
        elif arguments.command == "upgrade":
            applied = await upgrade(settings, allow=arguments.allow)
            done("migrations applied", count=len(applied), names=applied, database=settings.database.place)
        elif arguments.command == "create":
            written = await create(settings, arguments.name)
            done("migration written" if written else "the models have not changed", file=written)
        else:
            _show(await history())


async def _foresee() -> dict[str, object]:
    from dashtam.bootstrap.analysis import analyze

    pending_ones = [
        {"name": migration.name, "harms": [asdict(harm) for harm in migration.harms]}
        for migration in analyze(await pending(), MIGRATIONS / APP)
    ]
    return {"is_empty": await is_empty(), "pending": pending_ones}


def _show(state: Migrations) -> None:
    for name in state.applied:
        done("applied", file=name)
    for name in state.pending:
        done("pending", file=name)
    for name in state.unknown:
        done("unknown to this release", file=name)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and answer the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dashtam.bootstrap.migrations", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("pending", help="print what is pending, and what of it may take data away, as JSON")
    applying = commands.add_parser("upgrade", help="apply what is pending")
    applying.add_argument(
        "--allow",
        metavar="NAME",
        action="append",
        default=[],
        help="apply this migration although it may take data away; may be given several times",
    )
    commands.add_parser("history", help="show what is applied and what is pending")
    commands.add_parser("create", help="write a migration from the models").add_argument("name")
    arguments = parser.parse_args(argv)
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    sys.exit(main())
