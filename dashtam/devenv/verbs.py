"""What tasks.py calls: each verb opens a session and does its sequence."""

import json
import os
import shlex
import sys
from collections.abc import Sequence

from dashtam.devenv.checking import benches, checks, testing
from dashtam.devenv.components import Component
from dashtam.devenv.data import migrations, snapshots
from dashtam.devenv.data.pending import MODULE
from dashtam.devenv.data.stamps import as_document
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentMisused
from dashtam.devenv.lifecycle import workflow
from dashtam.devenv.lifecycle.doctor import examine
from dashtam.devenv.lifecycle.overview import observe
from dashtam.devenv.outcome import verb
from dashtam.devenv.report import Report
from dashtam.devenv.session import (
    CHECKOUT,
    Session,
    open_first_session,
    open_locked_session,
    open_session,
    refuse_testing_mode,
    running,
)


@verb
def up(report: Report, *, engine: str | None) -> None:
    """Start development."""
    with open_first_session(report, os.environ, command="invoke up", engine=engine) as session:
        workflow.bring_up(session)


@verb
def down(report: Report) -> None:
    """Stop every component."""
    with open_locked_session(report, os.environ, command="invoke down") as session:
        workflow.bring_down(session)


@verb
def restart(report: Report, *, component: str | None) -> None:
    """Stop and start development, or one component."""
    chosen = read_component(component) if component else None
    with open_locked_session(report, os.environ, command="invoke restart") as session:
        workflow.restart(session, chosen)


@verb
def status(report: Report, *, as_json: bool) -> None:
    """Show what runs."""
    with open_session(report, os.environ) as session:
        overview = observe(session)
        if as_json:
            report.say(json.dumps(overview.as_document(), indent=2))
            return
        at_work = f", {overview.verb_at_work} is at work" if overview.verb_at_work else ""
        report.say(
            f"project {overview.project}, engine {overview.engine}, mode {overview.mode or 'off'}{at_work}"
        )
        report.say(f"migration head: {overview.migration_head or 'none'}; data in {overview.home}")
        workflow.show_environment(session, overview)


@verb
def logs(report: Report, *, components: Sequence[str], follow: bool, tail: int) -> None:
    """Print the merged log."""
    chosen = [read_component(name) for name in components] or list(Component)
    if tail < 0:
        raise EnvironmentMisused(f"--tail is {tail}; expected 0 or more lines", advice="invoke --help logs")
    with open_session(report, os.environ) as session:
        session.engine.logs(chosen, follow=follow, tail=tail)


@verb
def execute(report: Report, *, component: str, command: Sequence[str]) -> int:
    """Run a command inside a component; answers its exit code."""
    chosen = read_component(component)
    if not command:
        raise EnvironmentMisused(
            "no command was given; it stands behind --", advice=f"invoke exec {chosen} -- ls -l"
        )
    return _execute(report, chosen, command)


@verb
def shell(report: Report) -> int:
    """Open a Python shell in the app component, where `await` works."""
    return _execute(report, Component.APP, ["python", "-m", "asyncio"])


@verb
def create_user(report: Report, *, email: str, role: str) -> int:
    """Make a user in the app component, which asks for the password; answers its exit code."""
    address = ["--email", email] if email else []
    return _execute(
        report, Component.APP, ["python", "-m", "dashtam.commands.create_user", *address, "--role", role]
    )


@verb
def connect(report: Report, *, provider: str, email: str, alias: str) -> int:
    """Connect a provider in the app component, which prints the link and waits; answers its exit code."""
    more = [*(["--email", email] if email else []), *(["--alias", alias] if alias else [])]
    return _execute(
        report, Component.APP, ["python", "-m", "dashtam.commands.connect", *more, "--", provider]
    )


@verb
def database_shell(report: Report, *, options: Sequence[str]) -> int:
    """Open psql on the database of the running mode, as its role."""
    return _execute(report, Component.POSTGRES, ["psql", *options])


def _execute(report: Report, component: Component, command: Sequence[str]) -> int:
    with open_session(report, os.environ) as session:
        if component not in running(session.statuses()):
            raise EnvironmentFailed(f"{component} is not running", advice="invoke up")
        return session.engine.execute(component, command, interactive=True)


@verb
def doctor(report: Report) -> int:
    """Say what is wrong here and how to mend it; answers 1 where something is."""
    return examine(report, os.environ)


@verb
def show_mail(report: Report, *, number: int) -> int:
    """List the letters of the mailbox, or print one; answers 1 where it is not there."""
    with open_session(report, os.environ) as session:
        if Component.REDIS not in running(session.statuses()):
            raise EnvironmentFailed("redis is not running", advice="invoke up")
        chosen = [f"--show={number}"] if number else []
        return session.engine.execute(
            Component.APP, ["python", "-m", "dashtam.commands.mailbox", *chosen], interactive=False
        )


@verb
def test_setup(report: Report, *, engine: str | None) -> None:
    """Switch to the test environment."""
    with open_first_session(report, os.environ, command="invoke test.setup", engine=engine) as session:
        testing.set_up_tests(session)


@verb
def test_inside(report: Report, *, paths: Sequence[str], options: str) -> int:
    """Run pytest in the app component; answers its exit code."""
    words = read_options(options)
    with open_locked_session(report, os.environ, command=f"pytest {' '.join(paths)}") as session:
        return testing.run_pytest(session, paths, words)


@verb
def test_coverage(report: Report, *, options: str) -> int:
    """Run the tests of the app component, and show which lines they reach; answers pytest's exit code."""
    words = ["--cov", "--cov-report=term-missing:skip-covered", *read_options(options)]
    with open_locked_session(report, os.environ, command="invoke test.coverage") as session:
        return testing.run_pytest(session, testing.INSIDE, words)


@verb
def test_acceptance(report: Report, *, options: str) -> int:
    """Run the acceptance tests on this machine; answers pytest's exit code."""
    return testing.run_outside(CHECKOUT, testing.OUTSIDE, read_options(options))


@verb
def test_endurance(report: Report, *, rounds: int, options: str) -> int:
    """Disturb the verbs on this machine, as many rounds as are wanted, or a few; answers pytest's exit code."""
    if rounds < 0:
        raise EnvironmentMisused(
            f"--rounds is {rounds}; expected 1 or more", advice="invoke --help test.endurance"
        )
    wanted = [f"--rounds={rounds}"] if rounds else []
    return testing.run_outside(CHECKOUT, testing.ENDURANCE, [*wanted, *read_options(options)])


@verb
def test_everything(report: Report, *, engine: str | None, options: str) -> int:
    """Set up, run all tests, clean, and bring development back; answers pytest's exit code."""
    words = read_options(options)
    with open_first_session(report, os.environ, command="invoke test", engine=engine) as session:
        return testing.test_everything(session, words)


@verb
def test_clean(report: Report) -> None:
    """Destroy the test database and prove that development is unchanged."""
    with open_locked_session(report, os.environ, command="invoke test.clean") as session:
        testing.clean_tests(session)


@verb
def migrate(report: Report, *, allow: Sequence[str]) -> None:
    """Apply pending migrations to the development database."""
    with open_locked_session(report, os.environ, command="invoke db.migrate") as session:
        migrations.migrate(session, allow)


@verb
def create_migration(report: Report, *, name: str) -> int:
    """Write a migration from the models."""
    with open_locked_session(report, os.environ, command="invoke db.migration") as session:
        return _run_migrations(session, "create", name)


@verb
def show_migrations(report: Report) -> int:
    """List applied and pending migrations."""
    with open_session(report, os.environ) as session:
        return _run_migrations(session, "history")


@verb
def take_snapshot(report: Report, *, name: str | None) -> None:
    """Copy the development database under a name."""
    with open_locked_session(report, os.environ, command="invoke db.snapshot") as session:
        snapshots.take(session, name)


@verb
def show_snapshots(report: Report, *, as_json: bool) -> None:
    """List the snapshots."""
    with open_session(report, os.environ) as session:
        found = snapshots.list_snapshots(session)
        if as_json:
            report.say(json.dumps([as_document(snapshot) for snapshot in found], indent=2))
        else:
            snapshots.show_snapshots(session, found)


@verb
def restore_snapshot(report: Report, *, name: str, replace: str | None) -> None:
    """Put a copy of a snapshot in the place of the development database."""
    with open_locked_session(report, os.environ, command="invoke db.restore") as session:
        snapshots.restore(session, name, replace=replace)


@verb
def drop_snapshot(report: Report, *, name: str) -> None:
    """Drop a snapshot."""
    with open_locked_session(report, os.environ, command="invoke db.drop-snapshot") as session:
        snapshots.drop(session, name)


@verb
def verify_audit(report: Report, *, expect: str | None, since: str | None) -> int:
    """Check the chain of the audit trail of the active database; answers 1 where it is damaged."""
    if expect and since:
        raise EnvironmentMisused(
            "--expect checks all and --since only what is behind it; expected one of them",
            advice="invoke --help audit.verify",
        )
    anchor = [f"--expect={expect}"] if expect else [f"--since={since}"] if since else []
    with open_session(report, os.environ) as session:
        if Component.POSTGRES not in running(session.statuses()):
            raise EnvironmentFailed("postgres is not running", advice="invoke up")
        command = ["python", "-m", "dashtam.commands.verify_audit", *anchor]
        return session.engine.execute(Component.APP, command, interactive=False)


@verb
def show_keys(report: Report, *, as_json: bool) -> int:
    """Show the keys of the active database and what needs them."""
    return _run_keys(report, "status", *(["--json"] if as_json else []))


@verb
def rotate_keys(report: Report, *, afresh: bool) -> int:
    """Let a new data key seal everything; answers 1 where something could not be opened."""
    return _run_keys(report, "rotate", *(["--new"] if afresh else []))


@verb
def retire_key(report: Report, *, key: str) -> int:
    """Destroy a data key; answers 3 where something needs it."""
    return _run_keys(report, "retire", key)


def _run_keys(report: Report, *arguments: str) -> int:
    with open_session(report, os.environ) as session:
        if Component.POSTGRES not in running(session.statuses()):
            raise EnvironmentFailed("postgres is not running", advice="invoke up")
        command = ["python", "-m", "dashtam.commands.keys", *arguments]
        return session.engine.execute(Component.APP, command, interactive=False)


def _run_migrations(session: Session, *arguments: str) -> int:
    refuse_testing_mode(session)
    if Component.POSTGRES not in running(session.statuses()):
        raise EnvironmentFailed("development is not running", advice="invoke up, which migrates as well")
    return session.engine.execute(Component.APP, [*MODULE, *arguments], interactive=False)


@verb
def check_code(report: Report, *, names: Sequence[str], mend: bool = False) -> int:
    """Run some of the static checks; answers 1 where one of them found something."""
    return checks.run_checks(report, CHECKOUT, names, mend=mend)


@verb
def mutate(report: Report, *, files: Sequence[str], thorough: bool, ci: bool) -> int:
    """Break every guard of the data, one at a time; answers 0 when a test noticed each."""
    return checks.run_mutants(report, CHECKOUT, os.environ, files=files, thorough=thorough, ci=ci)


@verb
def check_everything(report: Report, *, engine: str | None) -> int:
    """All checks: static ones, tests, endurance, mutants of what destroys; answers pytest's exit code."""
    checks.run_checks(report, CHECKOUT, tuple(checks.COMMANDS), mend=False)
    with open_first_session(report, os.environ, command="invoke check", engine=engine) as session:
        code = testing.test_everything(session, ())
    return (
        code
        or testing.run_outside(CHECKOUT, testing.ENDURANCE, ())
        or checks.run_mutants(report, CHECKOUT, os.environ, ci=True)
    )


@verb
def bench(report: Report) -> int:
    """Measure the tasks here, and the database and the API inside a test environment."""
    return benches.run_benchmarks(report, os.environ)


def read_component(name: str) -> Component:
    """Read the name of a component.

    Raises:
        EnvironmentMisused: there is no component of that name.
    """
    try:
        return Component(name)
    except ValueError:
        names = ", ".join(Component)
        raise EnvironmentMisused(
            f"{name!r} is no component; expected one of {names}", advice="invoke status"
        ) from None


def read_options(text: str) -> list[str]:
    """Split --options, and add what stands behind `--`, of which Invoke itself would lose the quotes."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise EnvironmentMisused(
            f"--options is {text!r}: {error}", advice="""invoke test.unit --options="-k 'this or that'\""""
        ) from None
    return [*words, *remainder()]


def remainder() -> list[str]:
    """What stands behind `--` on the command line."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
