"""The verbs of the test environment as sequences over an engine: setup, runs of pytest, clean."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from dashtam.devenv.components import SERVERS, STORES, Component, Mode
from dashtam.devenv.data.pending import MigrationsRefused, say_held_back
from dashtam.devenv.engines.engine import Health
from dashtam.devenv.engines.observation import TableContents, find_differences, read_contents
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused, failure_of, list_problems
from dashtam.devenv.interrupts import deferred_interrupts
from dashtam.devenv.lifecycle.workflow import bring_up, start_stores, stopped_if_interrupted
from dashtam.devenv.project.env_files import read_env_file
from dashtam.devenv.session import Session, running_mode

INSIDE: Final = ("tests/unit", "tests/integration", "tests/rules")
OUTSIDE: Final = "tests/acceptance"
ENDURANCE: Final = "tests/endurance"
# Tests of the tasks mostly wait for servers. Those of one file share an environment, so a file stays in one process.
_SIDE_BY_SIDE: Final = ("--numprocesses=3", "--dist=loadfile")
_TRUE: Final = frozenset({"true", "1"})
_PYTEST_INTERRUPTED: Final = 2
# What the tests of the tasks get of the shell; the throw-away projects are named by the tests themselves.
_PASSED_ON: Final = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "PATH",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
    "CI",
)


def set_up_tests(session: Session) -> None:
    """Switch the components to the test environment, and build the test database afresh.

    Raises:
        EnvironmentRefused: the settings do not say testing, or the database is not one that may be destroyed.
        EnvironmentFailed: a component did not become healthy.
    """
    refuse_unsafe_settings(session)
    with stopped_if_interrupted(session):
        identifier = start_test_components(session)
        with session.report.chapter("test database in nine steps"):
            run_inside(session, ["python", "-m", "dashtam.disposable.init_test_db"])
    session.report.say("Test DB ready: invoke test.unit, test.integration, or test.clean when you are done")
    session.report.say(f"(cluster {identifier}; development is stopped and untouched)")


def refuse_unsafe_settings(session: Session) -> None:
    """Check that shell and env files speak of tests, before anything is stopped or started.

    Children never see the shell's ENVIRONMENT; but a shell that says production is the wrong place to begin.

    Raises:
        EnvironmentRefused: every reason at once.
    """
    file = session.configuration.env_file(Mode.TESTING)
    values = read_env_file(file)
    problems = [
        f"{name} is {values.get(name, '')!r} in {file.name}; expected {expected}"
        for name, expected, holds in (
            ("ENVIRONMENT", "testing", values.get("ENVIRONMENT") == "testing"),
            ("TESTING", "true", values.get("TESTING", "").lower() in _TRUE),
            ("DISABLE_EXTERNAL_CALLS", "true", values.get("DISABLE_EXTERNAL_CALLS", "").lower() in _TRUE),
        )
        if not holds
    ]
    if session.shell.get("ENVIRONMENT", "").strip().lower() == "production":
        problems.append(
            "ENVIRONMENT is 'production' in this shell; expected a shell that is not for production"
        )
    if problems:
        raise EnvironmentRefused(
            list_problems("no test environment is made here, nothing was changed", problems),
            advice=f"edit {file.name} or unset ENVIRONMENT, then invoke test.setup",
        )


def start_test_components(session: Session) -> str:
    """Stop what runs our code, start the stores, and app idle, all in testing mode; answers which cluster it is."""
    if running_mode(session.statuses()) is not None:
        with session.report.step("app, callback and refresher stopped"):
            session.engine.stop(SERVERS)
    identifier = start_stores(session, Mode.TESTING, needed=STORES)
    with session.report.step("app idle with the settings of .env.test"):
        session.engine.start(Mode.TESTING, (Component.APP,), cluster_identifier=identifier)
    return identifier


def run_inside(session: Session, command: Sequence[str]) -> None:
    """Run a command in the app component; what it prints is shown as it comes.

    Raises:
        EnvironmentRefused: it ended with 3.
        EnvironmentFailed: it ended with anything else but 0.
    """
    code = session.engine.execute(Component.APP, command, interactive=False)
    if code != 0:
        raise failure_of(code)(
            f"{command[-1]} ended with {code}; what it said stands above",
            advice="mend that and try again; invoke test.clean goes back to development",
        )


def run_pytest(session: Session, paths: Sequence[str], options: Sequence[str]) -> int:
    """Run pytest in the app component with the settings of `.env.test`; answers pytest's exit code.

    Raises:
        EnvironmentFailed: the test environment is not on.
    """
    app = session.statuses()[Component.APP]
    if app.mode is not Mode.TESTING or app.health is not Health.IDLE:
        raise EnvironmentFailed("the test environment is not on", advice="invoke test.setup")
    command = ["python", "-m", "pytest", *paths, *options]
    return session.engine.execute(Component.APP, command, interactive=sys.stdin.isatty())


def run_outside(checkout: Path, folder: str, options: Sequence[str]) -> int:
    """Run a folder of tests that drive the tasks themselves, on this machine; answers pytest's exit code."""
    command = [sys.executable, "-m", "pytest", folder, *_SIDE_BY_SIDE, *options]
    process = subprocess.Popen(
        command, cwd=checkout, env=outside_environment(os.environ), stdin=subprocess.DEVNULL
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def outside_environment(shell: Mapping[str, str]) -> dict[str, str]:
    """Build what tests and benchmarks on this machine get of the shell: an allow-list."""
    return {
        name: value for name, value in shell.items() if name in _PASSED_ON or name.startswith("DASHTAM_TEST_")
    }


def test_everything(session: Session, options: Sequence[str]) -> int:
    """Set up, run all tests, clean, and bring development back if it was running; answers pytest's exit code."""
    with development_back_afterwards(session):
        set_up_tests(session)
        code = run_pytest(session, INSIDE, options)
        if code != _PYTEST_INTERRUPTED:
            code = run_outside(session.project.checkout, OUTSIDE, options) or code
    return code


@contextlib.contextmanager
def development_back_afterwards(session: Session) -> Iterator[None]:
    """Leave the environment as it was, whatever the tests do: the test environment cleaned, development up again."""
    before = running_mode(session.statuses())
    try:
        yield
    finally:
        try:
            if running_mode(session.statuses()) is Mode.TESTING:
                clean_tests(session)
        finally:
            if before is Mode.DEVELOPMENT:
                _bring_back(session)


def _bring_back(session: Session) -> None:
    """Start development again; a migration that somebody has to agree to first is no failure of the tests."""
    try:
        bring_up(session)
    except MigrationsRefused as refusal:
        say_held_back(session, refusal)


def clean_tests(session: Session) -> None:
    """Destroy the test database and the tests' Redis index, stop, and prove that development is what it was.

    Raises:
        EnvironmentRefused: the database is not one that may be destroyed; the components are stopped all the same.
        EnvironmentFailed: development differs from before, or the database could not be dropped.
    """
    if running_mode(session.statuses()) is Mode.DEVELOPMENT:
        session.report.say("development is running, so the test environment is off; nothing to clean")
        return
    refuse_unsafe_settings(session)
    database = session.configuration.owner(Mode.DEVELOPMENT).database
    try:
        start_test_components(session)
        before = read_contents(session.engine, database)
        with session.report.chapter("test database destroyed"):
            run_inside(session, ["python", "-m", "dashtam.disposable.drop_test_db"])
        after = read_contents(session.engine, database)
    finally:
        with deferred_interrupts(), session.report.step("test components stopped"):
            session.engine.stop(tuple(Component))
    prove_unchanged(session, database, before, after)


def prove_unchanged(
    session: Session, database: str, before: Mapping[str, TableContents], after: Mapping[str, TableContents]
) -> None:
    """Show tables and row counts before and after.

    Raises:
        EnvironmentFailed: they differ.
    """
    rows = [
        (
            table,
            _rows(before.get(table)),
            _rows(after.get(table)),
            "" if before.get(table) == after.get(table) else "!",
        )
        for table in sorted(before.keys() | after.keys())
    ]
    session.report.say(f"\nDevelopment database {database}:")
    session.report.table(("table", "rows before", "rows after", ""), rows)
    if differences := find_differences(before, after):
        raise EnvironmentFailed(
            f"development is not what it was: {', '.join(differences)}",
            advice="look who else writes to it: invoke status",
        )
    session.report.say("✓ unchanged, row by row; back to development: invoke up")


def _rows(contents: TableContents | None) -> str:
    return "-" if contents is None else str(contents.rows)
