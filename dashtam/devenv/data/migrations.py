"""Migrates the development database: shows what may hurt, asks, takes a snapshot, and only then applies."""

import sys
from collections.abc import Collection, Sequence

from dashtam.devenv.components import Component
from dashtam.devenv.data.pending import (
    MODULE,
    MigrationFailed,
    MigrationsRefused,
    Pending,
    PendingMigration,
    describe,
    find_pending,
    refuse_hurtful,
)
from dashtam.devenv.data.snapshots import servers_at_rest, take
from dashtam.devenv.data.stamps import Reason
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentMisused
from dashtam.devenv.session import Session, ensure_same_cluster, refuse_testing_mode, running

_YES = "yes"


def migrate(session: Session, allow: Collection[str]) -> None:
    """Apply what is pending, once somebody has agreed to all of it that may take data away.

    Raises:
        MigrationsRefused: nobody did, on a terminal or by naming it; nothing was changed.
        EnvironmentMisused: `allow` names something that is not pending.
        MigrationFailed: names the snapshot from before.
    """
    refuse_testing_mode(session)
    if Component.POSTGRES not in running(session.statuses()):
        raise EnvironmentFailed("development is not running", advice="invoke up, which migrates as well")
    ensure_same_cluster(session)
    pending = find_pending(session)
    names = [migration.name for migration in pending.migrations]
    if not names:
        session.report.say("nothing is pending")
        return
    if strange := sorted(set(allow).difference(names)):
        raise EnvironmentMisused(
            f"--allow names {', '.join(strange)}; pending is {', '.join(names)}", advice="invoke db.history"
        )
    if pending.hurtful:
        session.report.say(f"these migrations may take data away:\n{describe(pending.hurtful)}")
        _agree(session, [migration for migration in pending.hurtful if migration.name not in allow])
    _apply(session, pending)
    if Component.APP not in running(session.statuses()):
        session.report.say("app, callback and refresher are stopped, as they were: invoke up")


def migrate_before_start(session: Session) -> None:
    """Apply what is pending before app, callback and refresher start, with a snapshot first; nothing that may hurt.

    A new database is left to the app component, which makes its tables whenever it starts.

    Raises:
        MigrationsRefused: something pending may take data away; nothing was changed.
        MigrationFailed: names the snapshot from before.
    """
    pending = find_pending(session)
    refuse_hurtful(pending)
    if not pending.is_empty:
        _apply(session, pending)


def _agree(session: Session, unnamed: Sequence[PendingMigration]) -> None:
    """Have somebody on a terminal agree to what was shown."""
    if not unnamed:
        return
    answer = None
    if sys.stdin.isatty() and sys.stdout.isatty():
        answer = session.report.ask(f"A snapshot is taken first. Type {_YES} to apply them:")
    if answer != _YES:
        seen = "nobody was there to ask" if answer is None else f"the answer was {answer[:60]!r}"
        allowed = " ".join(f"--allow {migration.name}" for migration in unnamed)
        raise MigrationsRefused(
            f"somebody has to agree to migrations that may take data away; {seen}; nothing was changed",
            advice=f"invoke db.migrate {allowed}",
        )


def _apply(session: Session, pending: Pending) -> None:
    with servers_at_rest(session):
        before = None if pending.is_empty else take(session, None, Reason.BEFORE_MIGRATION).name
        allowed = [word for migration in pending.hurtful for word in ("--allow", migration.name)]
        with session.report.chapter("pending migrations applied"):
            code = session.engine.execute(Component.APP, [*MODULE, "upgrade", *allowed], interactive=False)
            if code != 0:
                raise MigrationFailed(
                    "a migration was not applied, and what it had begun was rolled back; the reason stands above. "
                    "App, callback and refresher stay stopped until it is mended"
                    + (
                        f". Development as it was before all of them is the snapshot {before}"
                        if before
                        else ""
                    ),
                    advice="mend it, then invoke up"
                    + (f"; or go back: invoke db.restore {before}" if before else ""),
                )
