"""The verbs are the same sequence on every engine, and stop at the first thing that is not as it should be."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from dashtam.devenv.checking import testing
from dashtam.devenv.components import Component, EngineName, Mode
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from dashtam.devenv.interrupts import Interrupted
from dashtam.devenv.lifecycle import workflow
from dashtam.devenv.project.state import load_state
from dashtam.devenv.session import Session
from tests.support.projects.fake_engine import FakeEngine


def raising(error: BaseException) -> Callable[[], None]:
    def happen() -> None:
        raise error

    return happen


def test_up_starts_the_stores_then_the_databases_then_the_servers(
    session: Session, engine: FakeEngine
) -> None:
    workflow.bring_up(session)
    assert engine.acts == [
        "prepare",
        "start postgres redis for development",
        "initialize databases",
        "start app callback refresher for development",
    ]
    assert load_state(session.project.home).clusters == {EngineName.EMBEDDED: "42"}


def test_setup_stops_the_servers_before_anything_else_and_tells_the_app_its_cluster(
    session: Session, engine: FakeEngine
) -> None:
    workflow.bring_up(session)
    engine.acts.clear()
    testing.set_up_tests(session)
    assert engine.acts == [
        "stop app callback refresher",
        "prepare",
        "start postgres redis for testing",
        "initialize databases",
        "start app for testing of cluster 42",
        "execute dashtam.disposable.init_test_db in app",
    ]


def test_another_cluster_in_the_place_of_ours_is_refused_before_its_databases_are_touched(
    session: Session, engine: FakeEngine
) -> None:
    workflow.bring_up(session)
    engine.acts.clear()
    engine.cluster = "43"
    for verb in (workflow.bring_up, testing.set_up_tests):
        with pytest.raises(EnvironmentRefused, match="is cluster 43; expected 42"):
            verb(session)
    assert not [act for act in engine.acts if "initialize" in act or "execute" in act]


def test_up_is_refused_while_the_test_environment_is_on(session: Session, engine: FakeEngine) -> None:
    testing.set_up_tests(session)
    engine.acts.clear()
    with pytest.raises(EnvironmentRefused, match="the test environment is on") as refused:
        workflow.bring_up(session)
    assert "invoke test.clean" in refused.value.advice
    assert engine.acts == []


def test_an_interrupted_up_stops_what_it_started_and_keeps_what_ran(
    session: Session, engine: FakeEngine
) -> None:
    engine.modes = {Component.POSTGRES: Mode.DEVELOPMENT}
    engine.when["initialize databases"] = raising(Interrupted("SIGINT"))
    with pytest.raises(KeyboardInterrupt):
        workflow.bring_up(session)
    assert engine.acts[-1] == "stop redis app callback refresher"


def test_an_interrupted_setup_stops_everything(session: Session, engine: FakeEngine) -> None:
    workflow.bring_up(session)
    engine.when["initialize databases"] = raising(Interrupted("SIGTERM"))
    with pytest.raises(KeyboardInterrupt):
        testing.set_up_tests(session)
    assert engine.modes == {}


@pytest.mark.parametrize(("code", "error"), [(1, EnvironmentFailed), (3, EnvironmentRefused)])
def test_a_refusal_inside_the_app_is_a_refusal_of_the_verb(
    session: Session, engine: FakeEngine, code: int, error: type[EnvironmentFailed]
) -> None:
    engine.exit_codes["dashtam.disposable.init_test_db"] = code
    with pytest.raises(EnvironmentFailed) as failed:
        testing.set_up_tests(session)
    assert failed.value.exit_code == error.exit_code == code


def test_clean_stops_everything_even_where_the_database_may_not_be_dropped(
    session: Session, engine: FakeEngine
) -> None:
    testing.set_up_tests(session)
    engine.exit_codes["dashtam.disposable.drop_test_db"] = 3
    with pytest.raises(EnvironmentRefused):
        testing.clean_tests(session)
    assert engine.modes == {}


@pytest.mark.parametrize(
    "after", [{"users": ["1", "10"]}, {"users": ["1", "11"], "providers": ["6", "60"]}, {}]
)
def test_a_development_database_that_changed_while_tests_were_cleaned_fails_aloud(
    session: Session, engine: FakeEngine, after: dict[str, list[str]]
) -> None:
    """The same count of rows is no proof: a checksum over every row is compared too."""
    testing.set_up_tests(session)

    def change() -> None:
        engine.contents = after

    engine.when["execute dashtam.disposable.drop_test_db in app"] = change
    with pytest.raises(EnvironmentFailed, match="development is not what it was"):
        testing.clean_tests(session)


@pytest.mark.parametrize("was_running", [True, False])
def test_development_comes_back_after_the_tests_only_if_it_ran_before(
    session: Session, engine: FakeEngine, was_running: bool
) -> None:
    if was_running:
        workflow.bring_up(session)
    engine.when["execute pytest in app"] = raising(EnvironmentFailed("the daemon ended"))
    with pytest.raises(EnvironmentFailed, match="the daemon ended"):
        testing.test_everything(session, [])
    assert set(engine.modes.values()) == ({Mode.DEVELOPMENT} if was_running else set())
    assert "execute dashtam.disposable.drop_test_db in app" in engine.acts


def test_development_comes_back_even_where_cleaning_failed(session: Session, engine: FakeEngine) -> None:
    workflow.bring_up(session)
    engine.exit_codes["pytest"] = 2
    engine.exit_codes["dashtam.disposable.drop_test_db"] = 1
    with pytest.raises(EnvironmentFailed, match="drop_test_db ended with 1"):
        testing.test_everything(session, [])
    assert set(engine.modes.values()) == {Mode.DEVELOPMENT}


def test_an_interrupted_pytest_ends_the_whole_run(session: Session, engine: FakeEngine) -> None:
    engine.exit_codes["pytest"] = 2
    assert testing.test_everything(session, []) == 2
    assert engine.modes == {}


def test_the_environment_of_acceptance_tests_is_an_allow_list() -> None:
    shell = {
        "PATH": "/bin",
        "DATABASE_URL": "x",
        "PGHOST": "x",
        "DOCKER_HOST": "x",
        "DASHTAM_TEST_ENGINES": "compose",
    }
    assert testing.outside_environment(shell) == {"PATH": "/bin", "DASHTAM_TEST_ENGINES": "compose"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ENVIRONMENT=testing", "ENVIRONMENT=production"),
        ("TESTING=true", 'TESTING="false"'),
        ("TESTING=true", "TESTING=yes"),
        ("DISABLE_EXTERNAL_CALLS=true", "DISABLE_EXTERNAL_CALLS=0"),
    ],
)
def test_settings_that_do_not_say_testing_stop_setup_and_clean_before_they_begin(
    session: Session, engine: FakeEngine, old: str, new: str
) -> None:
    file = session.project.checkout / ".env.test"
    file.write_text(file.read_text().replace(old, new))
    for verb in (testing.set_up_tests, testing.clean_tests):
        with pytest.raises(EnvironmentRefused, match="nothing was changed"):
            verb(session)
    assert engine.acts == []


@pytest.mark.parametrize("word", ["production", " Production "])
def test_a_shell_that_is_for_production_makes_no_test_environment(session: Session, word: str) -> None:
    with pytest.raises(EnvironmentRefused, match="ENVIRONMENT is 'production' in this shell"):
        testing.refuse_unsafe_settings(replace(session, shell={"ENVIRONMENT": word}))
    testing.refuse_unsafe_settings(replace(session, shell={"ENVIRONMENT": "development"}))


@pytest.mark.parametrize("word", ["1", "TRUE"])
def test_a_switch_is_on_in_each_spelling_that_the_application_takes(session: Session, word: str) -> None:
    file = session.project.checkout / ".env.test"
    file.write_text(file.read_text().replace("=true", f"={word}"))
    testing.refuse_unsafe_settings(session)


def test_a_report_for_a_log_has_no_colour_and_one_line_a_step(said: io.StringIO, session: Session) -> None:
    workflow.bring_up(session)
    text = said.getvalue()
    assert "\x1b" not in text
    assert "\r" not in text
    steps = [line for line in text.splitlines() if line.startswith("✓")]
    assert len(steps) == 4
    assert all(line.endswith("s") for line in steps)
