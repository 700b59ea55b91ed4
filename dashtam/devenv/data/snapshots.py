"""Named copies of the development database: taken, listed, put back and dropped.

A snapshot is a database of the same cluster that nobody can connect to, so it stays whatever happens to the components,
and both engines make it alike: docker/snapshot.sh does the work, as the superuser.
"""

import contextlib
import sys
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from dashtam.devenv.components import SERVERS, SNAPSHOT_PREFIX, Component, Mode
from dashtam.devenv.data.pending import MigrationFailed, migration_files, start_servers
from dashtam.devenv.data.stamps import (
    NO_MIGRATIONS,
    Reason,
    Snapshot,
    Stamp,
    as_row,
    choose_name,
    find_surplus,
    read_name,
    reasons_to_refuse,
    show_size,
)
from dashtam.devenv.engines.engine import Health
from dashtam.devenv.engines.observation import (
    find_migration_head,
    list_occupants,
    list_snapshot_databases,
    read_cluster_identifier,
)
from dashtam.devenv.engines.probes import ProbeFailed, wait_until
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentMisused, EnvironmentRefused, list_problems
from dashtam.devenv.interrupts import deferred_interrupts
from dashtam.devenv.session import Session, ensure_same_cluster, refuse_testing_mode, running, running_mode

_SCRIPT: Final = "snapshot.sh"
_PATIENCE_SECONDS: Final = 3.0
_NO_ROOM: Final = "No space left on device"


def list_snapshots(session: Session) -> list[Snapshot]:
    """The snapshots of the running cluster, newest first; what is called like one without being one stands last.

    Raises:
        EnvironmentFailed: postgres does not run.
    """
    _require_postgres(session)
    return _read(session)


def _read(session: Session) -> list[Snapshot]:
    found = [
        Snapshot(database.removeprefix(SNAPSHOT_PREFIX), size, comment, Stamp.parse(comment))
        for database, size, comment in list_snapshot_databases(session.engine)
    ]
    return sorted(
        found, key=lambda one: one.stamp.created.timestamp() if one.stamp is not None else 0.0, reverse=True
    )


def show_snapshots(session: Session, snapshots: list[Snapshot]) -> None:
    """Print the table of snapshots."""
    if not snapshots:
        session.report.say("no snapshots; invoke db.snapshot takes one")
        return
    now = datetime.now(UTC)
    headings = ("name", "age", "size", "migration head", "reason")
    session.report.table(headings, [as_row(snapshot, now) for snapshot in snapshots])


def take(session: Session, name: str | None, reason: Reason = Reason.BY_HAND) -> Snapshot:
    """Copy the development database under a name, by default one made from the moment.

    App, callback and refresher are stopped for as long as it takes, and started again as they were. Called inside
    `servers_at_rest`, it leaves them at rest.

    Raises:
        EnvironmentMisused: the name is malformed.
        EnvironmentRefused: the name is taken, others are connected, there is no room, or tests are on.
        EnvironmentFailed: development does not run, or what PostgreSQL said; there is then no snapshot.
    """
    chosen = None if name is None else read_name(name)
    _require_development(session)
    taken = [snapshot.name for snapshot in _read(session)]
    if chosen in taken:
        raise EnvironmentRefused(
            f"there is a snapshot {chosen} already; nothing was changed",
            advice="name another, or drop it first: invoke db.snapshots",
        )
    chosen = chosen or choose_name(reason, taken, datetime.now().astimezone())
    variables = {
        "DASHTAM_SNAPSHOT_SOURCE": _development(session),
        "DASHTAM_SNAPSHOT_DATABASE": SNAPSHOT_PREFIX + chosen,
        "DASHTAM_SNAPSHOT_REASON": reason.value,
    }
    with servers_at_rest(session):
        with session.report.step(f"snapshot {chosen} taken"):
            how = _copy(session, "take", variables)
        made = _find(session, chosen)
        session.report.say(f"  {show_size(made.size)}, {how}; to go back: invoke db.restore {chosen}")
        _drop_surplus(session)
    return made


def restore(session: Session, name: str, *, replace: str | None) -> None:
    """Put a copy of a snapshot in the place of the development database, which becomes a snapshot itself.

    `replace` names the development database, so that nothing is asked.

    Raises:
        EnvironmentMisused: there is no such snapshot.
        EnvironmentRefused: every reason at once, or nobody agreed; nothing was changed.
        EnvironmentFailed: development does not run, or what PostgreSQL said; development is then as it was.
    """
    _require_postgres(session)
    snapshot, source = _find(session, name), _development(session)
    _refuse_unfit(session, snapshot)
    ensure_same_cluster(session)
    _agree(session, snapshot, replace)
    taken = [one.name for one in _read(session)]
    before = choose_name(Reason.BEFORE_RESTORE, taken, datetime.now().astimezone())
    variables = {
        "DASHTAM_SNAPSHOT_SOURCE": source,
        "DASHTAM_SNAPSHOT_DATABASE": snapshot.database,
        "DASHTAM_SNAPSHOT_STAMP": snapshot.comment,
        "DASHTAM_SNAPSHOT_BEFORE": SNAPSHOT_PREFIX + before,
        "DASHTAM_SNAPSHOT_REASON": Reason.BEFORE_RESTORE.value,
    }
    with servers_at_rest(session):
        with session.report.step(f"{source} is what {snapshot.name} was"):
            _copy(session, "restore", variables)
        session.report.say(f"  what it was before is kept: invoke db.restore {before}")
        _drop_surplus(session)


def drop(session: Session, name: str) -> None:
    """Drop a snapshot for good.

    Raises:
        EnvironmentMisused: there is no such snapshot.
        EnvironmentRefused: the database of that name is no snapshot of this cluster.
    """
    _require_postgres(session)
    snapshot = _find(session, name)
    ensure_same_cluster(session)
    _drop(session, snapshot)


@contextlib.contextmanager
def servers_at_rest(session: Session) -> Iterator[None]:
    """Stop app, callback and refresher, which are connected to development, and start again what ran, whatever happens.

    Only a migration keeps them from that: one that failed, or one that somebody has to agree to.

    Raises:
        EnvironmentRefused: others than app, callback and refresher are connected to development; nothing was stopped.
    """
    alive = [component for component in SERVERS if component in running(session.statuses())]
    _refuse_strangers(session, besides=[f"dashtam.{Mode.DEVELOPMENT}.{server}" for server in alive])
    if not alive:
        yield
        return
    returning = True
    try:
        with session.report.step(f"{', '.join(alive)} stopped"):
            session.engine.stop(alive)
        yield
    except MigrationFailed:
        returning = False
        raise
    finally:
        if returning:
            with deferred_interrupts():
                start_servers(session, alive)


def _copy(session: Session, action: str, variables: Mapping[str, str]) -> str:
    """Run the script that copies, and answer how; whatever ends it half-way, no half of a copy stays."""
    head = find_migration_head(session.engine, _development(session)) or NO_MIGRATIONS
    _refuse_strangers(session)
    try:
        said = session.engine.run_script([_SCRIPT, action], {**variables, "DASHTAM_SNAPSHOT_HEAD": head})
    except BaseException as failure:
        with deferred_interrupts():
            _mend(session)
        if isinstance(failure, EnvironmentFailed) and not isinstance(failure, EnvironmentRefused):
            _explain(session, failure)
        raise
    method, _, file_system = said.strip().partition(" ")
    return f"by file_copy_method={method} on {file_system}"


def _mend(session: Session) -> None:
    try:
        session.engine.run_script([_SCRIPT, "mend"], {})
    except EnvironmentFailed as failure:
        session.report.warn(f"what is left of the copy goes with the next verb: {failure}")


def _explain(session: Session, failure: EnvironmentFailed) -> None:
    """Say in plain words what PostgreSQL said, where we know them."""
    if _NO_ROOM in str(failure):
        raise EnvironmentFailed(
            f"there is no room for a copy of the database; nothing was changed: {failure}",
            advice="make room (df -h), or drop a snapshot: invoke db.snapshots",
        ) from failure
    if "being accessed by other users" in str(failure):  # it connected after we had looked
        _refuse_strangers(session)


def _refuse_strangers(session: Session, *, besides: Collection[str] = ()) -> None:
    """Wait a little for sessions that are about to end, as a health probe's; nobody's session is ended by us.

    Raises:
        EnvironmentRefused: names each of them.
    """
    seen: list[str] = []
    database = _development(session)

    def look() -> None:
        seen[:] = list_occupants(session.engine, database, besides=besides)
        if seen:
            raise ProbeFailed("; ".join(seen))

    try:
        wait_until(look, seconds=_PATIENCE_SECONDS)
    except EnvironmentFailed as failure:
        if not seen:
            raise
        raise EnvironmentRefused(
            list_problems(f"others are connected to {database}, which cannot be copied meanwhile", seen),
            advice="close them (a db.shell, an IDE, a script of your own), then try again",
        ) from failure


def _refuse_unfit(session: Session, snapshot: Snapshot) -> None:
    reasons = reasons_to_refuse(
        snapshot,
        cluster=read_cluster_identifier(session.engine),
        source=_development(session),
        known=migration_files(session.project.checkout),
    )
    advice = "invoke db.snapshots"
    if running_mode(session.statuses()) is Mode.TESTING:
        reasons.append("the test environment is on; development uses the same components")
        advice = "invoke test.clean, then invoke up"
    if reasons:
        raise EnvironmentRefused(
            list_problems(f"snapshot {snapshot.name} is not restored; nothing was changed", reasons),
            advice=advice,
        )


def _agree(session: Session, snapshot: Snapshot, replace: str | None) -> None:
    """Have somebody name the database that is replaced: typed on a terminal, or given as an option."""
    source = _development(session)
    if replace is None and sys.stdin.isatty():
        session.report.say(
            f"Snapshot {snapshot.name} takes the place of {source}, which is kept as a snapshot."
        )
        replace = session.report.ask(f"Type {source} to go on:")
    if replace != source:
        seen = "nobody was there to ask" if replace is None else f"the answer was {replace[:60]!r}"
        raise EnvironmentRefused(
            f"a restore replaces {source}, so it has to be named; {seen}; nothing was changed",
            advice=f"invoke db.restore {snapshot.name} --replace {source}",
        )


def _drop(session: Session, snapshot: Snapshot) -> None:
    variables = {
        "DASHTAM_SNAPSHOT_DATABASE": snapshot.database,
        "DASHTAM_SNAPSHOT_STAMP": snapshot.comment,
    }
    with session.report.step(f"snapshot {snapshot.name} dropped"):
        session.engine.run_script([_SCRIPT, "drop"], variables)


def _drop_surplus(session: Session) -> None:
    for snapshot in find_surplus(_read(session), datetime.now(UTC)):
        _drop(session, snapshot)


def _find(session: Session, name: str) -> Snapshot:
    found = _read(session)
    for snapshot in found:
        if snapshot.name == name:
            return snapshot
    names = ", ".join(snapshot.name for snapshot in found) or "no snapshots at all"
    raise EnvironmentMisused(
        f"there is no snapshot {name[:80]!r}; there is {names}", advice="invoke db.snapshots"
    )


def _development(session: Session) -> str:
    return session.configuration.owner(Mode.DEVELOPMENT).database


def _require_postgres(session: Session) -> None:
    if session.statuses()[Component.POSTGRES].health is not Health.HEALTHY:
        raise EnvironmentFailed("postgres is not running, and the snapshots are in it", advice="invoke up")


def _require_development(session: Session) -> None:
    _require_postgres(session)
    refuse_testing_mode(session)
    ensure_same_cluster(session)
