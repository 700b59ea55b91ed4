"""Which migrations the development database lacks, and what keeps our code from starting meanwhile."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dashtam.devenv.components import Component, Mode
from dashtam.devenv.engines.engine import Health
from dashtam.devenv.engines.observation import list_migrations
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from dashtam.devenv.session import Session

MODULE: Final = ("python", "-m", "dashtam.bootstrap.migrations")
"""What the app component runs for it: the tasks themselves know nothing of the models."""


class MigrationsRefused(EnvironmentRefused):
    """Pending migrations may take data away, and nobody has agreed to that."""


class MigrationFailed(EnvironmentFailed):
    """A migration failed and was rolled back; app, callback and refresher do not start before it is mended."""


@dataclass(frozen=True)
class PendingMigration:
    """A migration that is not applied, and a line or more for each of its statements that may take data away."""

    name: str
    harms: tuple[str, ...]


@dataclass(frozen=True)
class Pending:
    """What is not applied, oldest first."""

    migrations: tuple[PendingMigration, ...] = ()
    is_empty: bool = True
    """The database holds no row, so there is nothing that a migration could take away."""

    @property
    def hurtful(self) -> tuple[PendingMigration, ...]:
        """Those that somebody has to agree to."""
        return () if self.is_empty else tuple(one for one in self.migrations if one.harms)


def migration_files(checkout: Path) -> set[str]:
    """The names of the migrations that this checkout has."""
    return {path.name for path in (checkout / "migrations" / "models").glob("*.py")}


def find_pending(session: Session) -> Pending:
    """Ask the running postgres, and where a migration is missing also the app component, which reads it.

    Raises:
        EnvironmentFailed: the app component cannot tell; holds its words.
    """
    database = session.configuration.owner(Mode.DEVELOPMENT).database
    recorded = list_migrations(session.engine, database)
    if recorded is None or migration_files(session.project.checkout) <= recorded:
        return Pending()
    document = json.loads(session.engine.capture(Component.APP, [*MODULE, "pending"]))
    return Pending(
        migrations=tuple(
            PendingMigration(
                one["name"], tuple(f"{harm['reason']}: {harm['statement']}" for harm in one["harms"])
            )
            for one in document["pending"]
        ),
        is_empty=document["is_empty"],
    )


def describe(migrations: Collection[PendingMigration]) -> str:
    """The SQL that may take data away, migration by migration."""
    lines = []
    for migration in migrations:
        lines.append(f"  {migration.name}")
        lines += [f"    {line}" for harm in migration.harms for line in harm.splitlines()]
    return "\n".join(lines)


def refuse_hurtful(pending: Pending) -> None:
    """Check that app, callback and refresher may start: they apply what is pending, unless it may hurt.

    Raises:
        MigrationsRefused: shows what may hurt.
    """
    if pending.hurtful:
        raise MigrationsRefused(
            "pending migrations may take data away, and app, callback and refresher do not start before they are "
            "applied:\n"
            f"{describe(pending.hurtful)}",
            advice="invoke db.migrate",
        )


def say_held_back(session: Session, refusal: MigrationsRefused) -> None:
    """Say what keeps app, callback and refresher stopped, where the verb itself has done its work."""
    session.report.warn(f"{refusal}\n→ {refusal.advice}, then invoke up")


def start_servers(session: Session, servers: Collection[Component]) -> None:
    """Start what runs our code again after a verb had it stopped, unless a pending migration holds it back.

    The verb has done its work then, so it is said and no failure.
    """
    if session.statuses()[Component.POSTGRES].health is Health.HEALTHY:
        try:
            refuse_hurtful(find_pending(session))
        except MigrationsRefused as refusal:
            say_held_back(session, refusal)
            return
    with session.report.step(f"{' and '.join(servers)} healthy again"):
        session.engine.start(Mode.DEVELOPMENT, list(servers))
