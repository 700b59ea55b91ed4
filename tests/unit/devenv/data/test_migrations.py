"""Development never starts over a migration that may take data away, and nobody agrees to one unseen."""

import io

import pytest

from dashtam.devenv.checking import testing
from dashtam.devenv.components import STORES, Component, Mode
from dashtam.devenv.data.migrations import migrate
from dashtam.devenv.data.pending import MigrationsRefused, find_pending
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentMisused, EnvironmentRefused
from dashtam.devenv.lifecycle import workflow
from dashtam.devenv.session import Session
from tests.support.projects.fake_engine import FakeEngine

FIRST, ADDS, DROPS = "0_1_init.py", "1_2_adds.py", "2_3_drops.py"
HARM = {"reason": "drops a column", "statement": "ALTER TABLE users\n    DROP COLUMN email"}


@pytest.fixture(name="session")
def _session(session: Session, engine: FakeEngine) -> Session:
    """Development runs, and its checkout has one migration, which is applied."""
    engine.applied = [FIRST]
    write(session, FIRST)
    workflow.bring_up(session)
    engine.acts.clear()
    return session


def write(session: Session, *names: str) -> None:
    folder = session.project.checkout / "migrations" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


@pytest.fixture(name="hurtful")
def _hurtful(session: Session, engine: FakeEngine) -> Session:
    """Two migrations are pending, and the second drops a column."""
    write(session, ADDS, DROPS)
    engine.pending = {
        "is_empty": False,
        "pending": [{"name": ADDS, "harms": []}, {"name": DROPS, "harms": [HARM]}],
    }
    return session


def test_where_nothing_is_pending_the_app_component_is_not_asked(
    session: Session, engine: FakeEngine
) -> None:
    workflow.bring_up(session)
    assert find_pending(session).migrations == ()
    assert "read pending migrations" not in engine.acts


def test_a_new_database_is_left_to_the_app_component(session: Session, engine: FakeEngine) -> None:
    engine.contents.clear()
    write(session, DROPS)
    workflow.bring_up(session)
    assert engine.acts[-1] == "start app callback refresher for development"
    assert "read pending migrations" not in engine.acts


def test_up_shows_what_may_hurt_before_the_servers_start(hurtful: Session, engine: FakeEngine) -> None:
    engine.stop(tuple(Component))
    with pytest.raises(MigrationsRefused) as refused:
        workflow.bring_up(hurtful)
    assert str(refused.value).endswith(
        f"  {DROPS}\n    drops a column: ALTER TABLE users\n        DROP COLUMN email"
    )
    assert refused.value.advice == "invoke db.migrate"
    assert refused.value.exit_code == 3
    assert set(engine.modes) == set(STORES)


def test_restart_refuses_before_it_stops_anything(hurtful: Session, engine: FakeEngine) -> None:
    for component in (None, Component.APP):
        with pytest.raises(MigrationsRefused):
            workflow.restart(hurtful, component)
    assert set(engine.modes) == set(Component)


def test_tests_end_as_they_went_and_say_why_development_stays_stopped(
    hurtful: Session, engine: FakeEngine, said: io.StringIO
) -> None:
    with testing.development_back_afterwards(hurtful):
        testing.set_up_tests(hurtful)
    assert set(engine.modes) == set(STORES)
    assert "drops a column: ALTER TABLE users" in said.getvalue()
    assert "→ invoke db.migrate, then invoke up" in said.getvalue()


def test_without_a_terminal_nothing_that_may_hurt_is_applied(
    hurtful: Session, engine: FakeEngine, said: io.StringIO
) -> None:
    for allow in ([], [ADDS]):
        with pytest.raises(
            MigrationsRefused, match="nobody was there to ask; nothing was changed"
        ) as refused:
            migrate(hurtful, allow)
        assert refused.value.advice == f"invoke db.migrate --allow {DROPS}"
    assert "drops a column: ALTER TABLE users\n        DROP COLUMN email" in said.getvalue()
    assert engine.acts == ["read pending migrations"] * 2
    assert set(engine.modes) == set(Component)


def test_only_what_is_pending_can_be_allowed(hurtful: Session) -> None:
    with pytest.raises(EnvironmentMisused, match=f"--allow names {FIRST}; pending is {ADDS}, {DROPS}"):
        migrate(hurtful, [DROPS, FIRST])


def test_an_empty_database_is_migrated_without_a_question_and_without_a_snapshot(
    hurtful: Session, engine: FakeEngine
) -> None:
    engine.pending["is_empty"] = True
    migrate(hurtful, [])
    assert engine.acts[:3] == [
        "read pending migrations",
        "stop app callback refresher",
        "execute dashtam.bootstrap.migrations in app",
    ]
    assert engine.acts[-1] == "start app callback refresher for development"


def test_after_a_failed_migration_the_servers_stay_stopped(hurtful: Session, engine: FakeEngine) -> None:
    engine.pending["is_empty"] = True
    engine.exit_codes["dashtam.bootstrap.migrations"] = 1
    with pytest.raises(EnvironmentFailed, match="rolled back") as failed:
        migrate(hurtful, [])
    assert failed.value.advice == "mend it, then invoke up"
    assert set(engine.modes) == set(STORES)


def test_nothing_pending_is_said(session: Session, engine: FakeEngine, said: io.StringIO) -> None:
    migrate(session, [])
    assert "nothing is pending" in said.getvalue()
    assert engine.acts == []


def test_migrating_needs_development(session: Session, engine: FakeEngine) -> None:
    engine.stop(tuple(Component))
    with pytest.raises(EnvironmentFailed, match="development is not running"):
        migrate(session, [])
    engine.start(Mode.TESTING, (Component.POSTGRES,))
    with pytest.raises(EnvironmentRefused, match="the test environment is on"):
        migrate(session, [])
