"""Opens an environment for one verb: project, lock, env files, certificates, record and engine, in that order."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dashtam.devenv.components import Component, Mode
from dashtam.devenv.engines.engine import ComponentStatus, Engine, Health
from dashtam.devenv.engines.observation import read_cluster_identifier
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from dashtam.devenv.project.certificates import ensure_certificates
from dashtam.devenv.project.configuration import Configuration, read_configuration
from dashtam.devenv.project.first_run import ensure_env_file, refuse_other_checkout
from dashtam.devenv.project.lock import hold_lock
from dashtam.devenv.project.project import Project, locate_project
from dashtam.devenv.project.state import State, load_state, save_state
from dashtam.devenv.report import Report
from dashtam.devenv.selection import select_engine

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass
class Session:
    """An open environment: what every verb works with."""

    project: Project
    configuration: Configuration
    engine: Engine
    state: State
    report: Report
    shell: Mapping[str, str] = field(repr=False)

    def record(self, state: State) -> None:
        """Write the project's record where it changed."""
        if state != self.state:
            save_state(self.project.home, state)
            self.state = state

    def statuses(self) -> dict[Component, ComponentStatus]:
        """What the engine sees of each component, now."""
        return {status.component: status for status in self.engine.statuses()}


def running(statuses: Mapping[Component, ComponentStatus]) -> list[Component]:
    """The components that are not stopped."""
    return [component for component, status in statuses.items() if status.health is not Health.STOPPED]


def running_mode(statuses: Mapping[Component, ComponentStatus]) -> Mode | None:
    """The mode that the components run in: testing where one of them says so; None where nothing runs."""
    alive = running(statuses)
    if not alive:
        return None
    modes = {statuses[component].mode for component in alive}
    return Mode.TESTING if Mode.TESTING in modes else Mode.DEVELOPMENT


@contextlib.contextmanager
def open_session(
    report: Report, shell: Mapping[str, str], *, engine: str | None = None, checkout: Path = CHECKOUT
) -> Iterator[Session]:
    """Open an environment that is there, to look at it.

    Raises:
        EnvironmentFailed: this checkout has no environment yet.
    """
    project = locate_project(checkout, shell)
    yield _open(project, report, shell, engine)


@contextlib.contextmanager
def open_locked_session(
    report: Report, shell: Mapping[str, str], *, command: str, checkout: Path = CHECKOUT
) -> Iterator[Session]:
    """Open an environment that is there, to change it: no other verb does so meanwhile.

    Raises:
        EnvironmentFailed: this checkout has no environment yet.
        EnvironmentRefused: another verb is at work.
    """
    project = locate_project(checkout, shell)
    with hold_lock(project.home, command):
        yield _open(project, report, shell, None)


@contextlib.contextmanager
def open_first_session(
    report: Report, shell: Mapping[str, str], *, command: str, engine: str | None, checkout: Path = CHECKOUT
) -> Iterator[Session]:
    """Open an environment to change it, and make whatever it lacks: env file, certificates, record.

    Raises:
        EnvironmentRefused: another verb is at work, or the data belongs to another checkout or engine.
    """
    project = locate_project(checkout, shell)
    with hold_lock(project.home, command):
        state = load_state(project.home)
        refuse_other_checkout(project, state)
        for note in ensure_env_file(project, state):
            report.say(f"✓ {note}")
        configuration = read_configuration(project)
        chosen = select_engine(engine, shell, state, configuration)
        chosen.check()
        if ensure_certificates(project.home):
            report.say(f"✓ wrote certificates to {project.home / 'certificates'}")
        session = Session(project, configuration, chosen, state, report, shell)
        session.record(state.with_engine(chosen.name, project.checkout))
        yield session


def _open(project: Project, report: Report, shell: Mapping[str, str], engine: str | None) -> Session:
    state = load_state(project.home)
    if state.engine is None:
        raise EnvironmentFailed(
            f"project {project.name} has no environment yet (nothing is recorded in {project.home})",
            advice="invoke up",
        )
    refuse_other_checkout(project, state)
    configuration = read_configuration(project)
    chosen = select_engine(engine, shell, state, configuration)
    chosen.check()
    return Session(project, configuration, chosen, state, report, shell)


def refuse_testing_mode(session: Session) -> None:
    """Check that the test environment is off.

    Raises:
        EnvironmentRefused: the test environment is on.
    """
    if running_mode(session.statuses()) is Mode.TESTING:
        raise EnvironmentRefused(
            "the test environment is on; development uses the same components",
            advice="invoke test.clean, then invoke up",
        )


def ensure_same_cluster(session: Session) -> str:
    """Record the cluster that an engine made, or check that it is still the same one; answers its identifier.

    Raises:
        EnvironmentRefused: another PostgreSQL answers in its place.
    """
    name, seen = session.engine.name, read_cluster_identifier(session.engine)
    expected = session.state.clusters.get(name, seen)
    if seen != expected:
        raise EnvironmentRefused(
            f"the PostgreSQL that answers on port {session.configuration.postgres_port} is cluster {seen}; "
            f"expected {expected}, which this project recorded at its first start",
            advice="invoke doctor",
        )
    session.record(session.state.with_cluster(name, seen))
    return seen
