"""The verbs of snapshots stop what has to stop, start it again whatever happens, and say every reason at once."""

import io
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from dashtam.devenv.components import SERVERS, Component, Mode
from dashtam.devenv.data import snapshots
from dashtam.devenv.data.pending import MigrationFailed
from dashtam.devenv.data.stamps import KEPT, KEPT_FOR, NO_MIGRATIONS, Reason
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentMisused, EnvironmentRefused
from dashtam.devenv.interrupts import Interrupted, raised_interrupts
from dashtam.devenv.lifecycle import workflow
from dashtam.devenv.lifecycle.overview import observe
from dashtam.devenv.session import Session
from tests.support.projects.fake_engine import FakeEngine

STOP, START = "stop app callback refresher", "start app callback refresher for development"
FULL = "could not extend file: No space left on device"


@pytest.fixture(autouse=True)
def _development(session: Session, engine: FakeEngine) -> None:
    folder = session.project.checkout / "migrations" / "models"
    folder.mkdir(parents=True)
    (folder / "0_1_init.py").touch()
    engine.applied = ["0_1_init.py"]
    workflow.bring_up(session)
    engine.acts.clear()


def raising(error: BaseException) -> Callable[[], None]:
    def happen() -> None:
        raise error

    return happen


def stamped(engine: FakeEngine, name: str, **changes: str) -> None:
    words = {"SOURCE": "dashtam", "HEAD": "0_1_init.py", "REASON": "by hand"} | changes
    told = {f"DASHTAM_SNAPSHOT_{key}": value for key, value in words.items()}
    engine.snapshots[f"dashtam_snapshot_{name}"] = engine.stamp(**told)


def test_a_snapshot_is_taken_while_app_and_callback_are_stopped(
    session: Session, engine: FakeEngine, said: io.StringIO
) -> None:
    made = snapshots.take(session, "one")
    assert engine.acts == [STOP, "run snapshot.sh take", START]
    assert engine.told["snapshot.sh take"] == {
        "DASHTAM_SNAPSHOT_SOURCE": "dashtam",
        "DASHTAM_SNAPSHOT_DATABASE": "dashtam_snapshot_one",
        "DASHTAM_SNAPSHOT_HEAD": "0_1_init.py",
        "DASHTAM_SNAPSHOT_REASON": "by hand",
    }
    assert made.name == "one"
    for words in (
        "app, callback, refresher stopped",
        "snapshot one taken",
        ", by file_copy_method=clone on ext4; to go back: invoke db.restore one",
    ):
        assert words in said.getvalue()
    assert set(engine.modes) == set(Component)


@pytest.mark.parametrize("alive", [[], [Component.APP], [Component.CALLBACK]])
def test_only_what_ran_is_started_again(session: Session, engine: FakeEngine, alive: list[Component]) -> None:
    engine.stop([server for server in SERVERS if server not in alive])
    engine.acts.clear()
    snapshots.take(session, None)
    assert [act for act in engine.acts if "run" not in act] == [
        sentence for server in alive for sentence in (f"stop {server}", f"start {server} for development")
    ]


def test_after_a_migration_that_failed_the_servers_stay_at_rest(session: Session, engine: FakeEngine) -> None:
    with pytest.raises(MigrationFailed, match="half of it"), snapshots.servers_at_rest(session):
        raise MigrationFailed("half of it")
    assert engine.acts == [STOP]


@pytest.mark.parametrize("error", [EnvironmentFailed("x"), EnvironmentRefused("x"), Interrupted("SIGINT")])
def test_whatever_ends_a_copy_nothing_is_left_and_the_servers_are_back(
    session: Session, engine: FakeEngine, error: BaseException
) -> None:
    stamped(engine, "one")
    for action, verb in (
        ("take", lambda: snapshots.take(session, "two")),
        ("restore", lambda: snapshots.restore(session, "one", replace="dashtam")),
    ):
        engine.acts.clear()
        engine.when[f"run snapshot.sh {action}"] = raising(error)
        with pytest.raises(type(error)):
            verb()
        assert engine.acts == [STOP, f"run snapshot.sh {action}", "run snapshot.sh mend", START]


def test_a_mend_that_fails_does_not_hide_what_happened(
    session: Session, engine: FakeEngine, said: io.StringIO
) -> None:
    engine.when["run snapshot.sh take"] = raising(EnvironmentFailed("the server is gone"))
    engine.when["run snapshot.sh mend"] = raising(EnvironmentFailed("still gone"))
    with pytest.raises(EnvironmentFailed, match="the server is gone"):
        snapshots.take(session, "one")
    assert "goes with the next verb: still gone" in said.getvalue()


def test_ctrl_c_does_not_keep_what_mends_from_its_end(session: Session, engine: FakeEngine) -> None:
    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    engine.when |= {"run snapshot.sh mend": press, START: press}
    engine.when["run snapshot.sh take"] = raising(EnvironmentFailed("the server is gone"))
    with raised_interrupts(), pytest.raises(EnvironmentFailed, match="the server is gone"):
        snapshots.take(session, "one")
    assert engine.acts[-2:] == ["run snapshot.sh mend", START]
    assert set(engine.modes) == set(Component)


def test_a_database_without_migrations_is_stamped_so(
    session: Session, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "find_migration_head", lambda *_: None)
    snapshots.take(session, "one")
    assert engine.told["snapshot.sh take"]["DASHTAM_SNAPSHOT_HEAD"] == NO_MIGRATIONS


@pytest.mark.parametrize(
    "failure", [EnvironmentRefused(FULL), EnvironmentFailed("the server is gone"), OSError(FULL)]
)
def test_what_is_no_full_disk_of_postgres_and_no_session_is_told_as_it_was(
    session: Session, engine: FakeEngine, failure: Exception
) -> None:
    def fail() -> None:
        engine.occupants = ["pid 7, psql, as role dashtam_user"]
        raise failure

    engine.when["run snapshot.sh take"] = fail
    with pytest.raises(type(failure)) as caught:
        snapshots.take(session, "one")
    assert caught.value is failure


def test_a_full_disk_is_told_in_plain_words(session: Session, engine: FakeEngine) -> None:
    engine.when["run snapshot.sh take"] = raising(EnvironmentFailed(FULL))
    with pytest.raises(EnvironmentFailed, match="there is no room for a copy") as failed:
        snapshots.take(session, "one")
    assert failed.value.exit_code == 1
    assert "invoke db.snapshots" in failed.value.advice


def test_who_is_connected_is_named_before_anything_is_stopped(session: Session, engine: FakeEngine) -> None:
    engine.occupants = ["pid 7, psql, as role dashtam_user"]
    with pytest.raises(EnvironmentRefused, match="pid 7, psql, as role dashtam_user"):
        snapshots.take(session, "one")
    assert engine.acts == []


def test_who_connects_while_the_servers_stop_is_named_and_nothing_is_copied(
    session: Session, engine: FakeEngine
) -> None:
    engine.when[STOP] = lambda: engine.occupants.append("pid 7, psql, as role dashtam_user")
    with pytest.raises(EnvironmentRefused, match="pid 7, psql, as role dashtam_user"):
        snapshots.take(session, "one")
    assert engine.acts == [STOP, START]


def test_a_server_that_does_not_answer_is_not_taken_for_one_that_others_use(
    session: Session, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> list[str]:
        raise EnvironmentFailed("the server is gone")

    monkeypatch.setattr(snapshots, "list_occupants", fail)
    with pytest.raises(EnvironmentFailed, match="the server is gone") as failed:
        snapshots.take(session, "one")
    assert failed.value.exit_code == 1
    assert engine.acts == []


def test_who_connects_at_the_last_moment_is_named_too(session: Session, engine: FakeEngine) -> None:
    def connect() -> None:
        engine.occupants = ["pid 7, psql, as role dashtam_user"]
        raise EnvironmentFailed('source database "dashtam" is being accessed by other users')

    engine.when["run snapshot.sh take"] = connect
    with pytest.raises(EnvironmentRefused, match="pid 7, psql, as role dashtam_user"):
        snapshots.take(session, "one")
    assert engine.acts[-1] == START


def test_a_taken_name_and_a_malformed_one_stop_nothing(session: Session, engine: FakeEngine) -> None:
    stamped(engine, "one")
    with pytest.raises(EnvironmentRefused, match="there is a snapshot one already"):
        snapshots.take(session, "one")
    with pytest.raises(EnvironmentMisused, match="cannot be called"):
        snapshots.take(session, "_staging")
    assert engine.acts == []


def test_a_restore_keeps_what_was_there_and_says_how_to_get_it_back(
    session: Session, engine: FakeEngine, said: io.StringIO
) -> None:
    stamped(engine, "one")
    comment = engine.snapshots["dashtam_snapshot_one"]
    snapshots.restore(session, "one", replace="dashtam")
    assert engine.acts == [STOP, "run snapshot.sh restore", START]
    told = engine.told["snapshot.sh restore"]
    assert told == {
        "DASHTAM_SNAPSHOT_SOURCE": "dashtam",
        "DASHTAM_SNAPSHOT_DATABASE": "dashtam_snapshot_one",
        "DASHTAM_SNAPSHOT_STAMP": comment,
        "DASHTAM_SNAPSHOT_BEFORE": told["DASHTAM_SNAPSHOT_BEFORE"],
        "DASHTAM_SNAPSHOT_HEAD": "0_1_init.py",
        "DASHTAM_SNAPSHOT_REASON": "before restore",
    }
    assert "dashtam is what one was" in said.getvalue()
    before = told["DASHTAM_SNAPSHOT_BEFORE"].removeprefix("dashtam_snapshot_")
    assert f"invoke db.restore {before}" in said.getvalue()
    assert [one.name for one in snapshots.list_snapshots(session) if one.automatic] == [before]


def test_a_restore_tells_every_reason_to_refuse_at_once(session: Session, engine: FakeEngine) -> None:
    stamped(engine, "one", SOURCE="other", HEAD="9_newer.py")
    engine.snapshots["dashtam_snapshot_one"] = engine.snapshots["dashtam_snapshot_one"].replace("=42", "=43")
    engine.modes = dict.fromkeys((Component.POSTGRES, Component.REDIS, Component.APP), Mode.TESTING)
    with pytest.raises(EnvironmentRefused) as refused:
        snapshots.restore(session, "one", replace="dashtam")
    for reason in (
        "in cluster 43; expected 42",
        "a copy of other",
        "migration 9_newer.py is not",
        "the test environment is on",
    ):
        assert reason in str(refused.value)
    assert engine.acts == []


@pytest.mark.parametrize("replace", [None, "", "one", "dashtam_test"])
def test_a_restore_wants_the_name_of_what_it_replaces(
    session: Session, engine: FakeEngine, replace: str | None
) -> None:
    stamped(engine, "one")
    seen = "nobody was there to ask" if replace is None else f"the answer was {replace!r}"
    with pytest.raises(EnvironmentRefused, match=f"has to be named; {seen}; nothing was changed") as refused:
        snapshots.restore(session, "one", replace=replace)
    assert refused.value.advice == "invoke db.restore one --replace dashtam"
    assert engine.acts == []


class Terminal(io.StringIO):
    """Somebody is there, and types this."""

    def isatty(self) -> bool:
        return True


def test_who_sits_at_a_terminal_is_asked_to_type_the_name(
    session: Session, engine: FakeEngine, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamped(engine, "one")
    monkeypatch.setattr(sys, "stdin", Terminal("yes\ndashtam\n"))
    with pytest.raises(EnvironmentRefused, match="the answer was 'yes'; nothing was changed"):
        snapshots.restore(session, "one", replace=None)
    assert engine.acts == []
    snapshots.restore(session, "one", replace=None)
    assert "run snapshot.sh restore" in engine.acts
    assert "Snapshot one takes the place of dashtam, which is kept as a snapshot." in said.getvalue()
    assert "Type dashtam to go on:" in said.getvalue()


def test_who_named_what_is_replaced_is_not_asked_again(
    session: Session, engine: FakeEngine, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamped(engine, "one")
    monkeypatch.setattr(sys, "stdin", Terminal())
    snapshots.restore(session, "one", replace="dashtam")
    assert "to go on" not in said.getvalue()


def test_a_drop_names_the_snapshot_and_what_it_says_of_itself(
    session: Session, engine: FakeEngine, said: io.StringIO
) -> None:
    stamped(engine, "one")
    comment = engine.snapshots["dashtam_snapshot_one"]
    snapshots.drop(session, "one")
    assert engine.acts == ["run snapshot.sh drop"]
    assert engine.told["snapshot.sh drop"] == {
        "DASHTAM_SNAPSHOT_DATABASE": "dashtam_snapshot_one",
        "DASHTAM_SNAPSHOT_STAMP": comment,
    }
    assert "snapshot one dropped" in said.getvalue()


def test_a_snapshot_that_is_not_there_is_answered_with_those_that_are(
    session: Session, engine: FakeEngine
) -> None:
    with pytest.raises(EnvironmentMisused, match="no snapshots at all"):
        snapshots.drop(session, "one")
    stamped(engine, "two")
    with pytest.raises(EnvironmentMisused, match="there is no snapshot 'one'; there is two"):
        snapshots.restore(session, "one", replace="dashtam")
    assert engine.acts == []


def test_the_test_environment_has_no_snapshots_but_lists_them(session: Session, engine: FakeEngine) -> None:
    stamped(engine, "one")
    engine.modes = dict.fromkeys((Component.POSTGRES, Component.REDIS, Component.APP), Mode.TESTING)
    with pytest.raises(EnvironmentRefused, match="the test environment is on"):
        snapshots.take(session, "two")
    assert [one.name for one in snapshots.list_snapshots(session)] == ["one"]


def test_nothing_is_done_while_postgres_is_stopped(session: Session, engine: FakeEngine) -> None:
    engine.modes = {}
    for verb in (
        lambda: snapshots.take(session, "one"),
        lambda: snapshots.drop(session, "one"),
        lambda: snapshots.list_snapshots(session),
        lambda: snapshots.restore(session, "one", replace="dashtam"),
    ):
        with pytest.raises(EnvironmentFailed, match="postgres is not running") as failed:
            verb()
        assert failed.value.advice == "invoke up"
    assert engine.acts == []


def test_another_cluster_in_the_place_of_ours_is_refused(session: Session, engine: FakeEngine) -> None:
    stamped(engine, "one")
    engine.cluster = "43"
    stamped(engine, "two")
    for verb in (
        lambda: snapshots.take(session, "three"),
        lambda: snapshots.drop(session, "two"),
        lambda: snapshots.restore(session, "two", replace="dashtam"),
    ):
        with pytest.raises(EnvironmentRefused, match="is cluster 43; expected 42"):
            verb()
    assert engine.acts == []


def test_old_automatic_snapshots_make_room_for_new_ones(session: Session, engine: FakeEngine) -> None:
    old = (datetime.now(UTC) - KEPT_FOR - timedelta(days=1)).isoformat(timespec="seconds")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for number in range(KEPT):
        stamped(engine, f"automatic-{number}", REASON=Reason.BEFORE_RESTORE)
        stamped(engine, f"by-hand-{number}")
    engine.snapshots = {name: comment.replace(now, old) for name, comment in engine.snapshots.items()}
    snapshots.take(session, None)
    assert "run snapshot.sh drop" not in engine.acts
    snapshots.take(session, None, Reason.BEFORE_MIGRATION)
    assert engine.acts.count("run snapshot.sh drop") == 1
    snapshots.restore(session, "by-hand-0", replace="dashtam")
    assert engine.acts.count("run snapshot.sh drop") == 2
    assert engine.told["snapshot.sh drop"]["DASHTAM_SNAPSHOT_DATABASE"].startswith(
        "dashtam_snapshot_automatic-"
    )


def test_status_counts_the_snapshots(session: Session, engine: FakeEngine) -> None:
    stamped(engine, "one")
    assert observe(session).components[0].connected_to == "holds dashtam, dashtam_test, 1 snapshot"
    stamped(engine, "two")
    assert observe(session).components[0].connected_to == "holds dashtam, dashtam_test, 2 snapshots"


def test_the_table_says_where_there_is_nothing_and_what_there_is(
    session: Session, engine: FakeEngine, said: io.StringIO
) -> None:
    snapshots.show_snapshots(session, snapshots.list_snapshots(session))
    assert "no snapshots; invoke db.snapshot takes one" in said.getvalue()
    stamped(engine, "one")
    engine.snapshots["dashtam_snapshot_odd"] = "mine"
    snapshots.show_snapshots(session, snapshots.list_snapshots(session))
    lines = said.getvalue().splitlines()[-3:]
    assert [line.split()[0] for line in lines] == ["name", "one", "odd"]
