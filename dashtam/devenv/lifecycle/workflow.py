"""The verbs of development as sequences over an engine: up, down, restart."""

import contextlib
from collections.abc import Collection, Iterator, Sequence

from dashtam.devenv.components import SERVERS, STORES, Component, Mode
from dashtam.devenv.data.migrations import migrate_before_start
from dashtam.devenv.data.pending import find_pending, refuse_hurtful
from dashtam.devenv.engines.engine import Health
from dashtam.devenv.interrupts import Interrupted, deferred_interrupts
from dashtam.devenv.lifecycle.overview import Overview, observe
from dashtam.devenv.project.certificates import Certificates
from dashtam.devenv.project.ports import refuse_busy_ports
from dashtam.devenv.session import Session, ensure_same_cluster, refuse_testing_mode, running


def bring_up(session: Session) -> None:
    """Start development and show it: every component healthy, both databases there, the schema up to date.

    Raises:
        EnvironmentRefused: the test environment is on, or another cluster than ours answers.
        MigrationsRefused: something pending may take data away; app, callback and refresher were not started.
        EnvironmentFailed: a port is busy, a component did not become healthy, or a migration failed.
    """
    refuse_testing_mode(session)
    with stopped_if_interrupted(session, keep=running(session.statuses())):
        start_stores(session, Mode.DEVELOPMENT, needed=tuple(Component))
        migrate_before_start(session)
        with session.report.step("database migrated; app and callback healthy over TLS, refresher at work"):
            session.engine.start(Mode.DEVELOPMENT, SERVERS)
    show_environment(session, observe(session))


def start_stores(session: Session, mode: Mode, *, needed: Sequence[Component]) -> str:
    """Start postgres and redis with both roles and databases in place; answers the cluster's identifier.

    `needed` are the components whose ports must be free, or ours already, before anything starts.
    """
    engine, report = session.engine, session.report
    alive = running(session.statuses())
    refuse_busy_ports(session.configuration, [component for component in needed if component not in alive])
    with report.step(f"{engine.name} engine prepared"):
        engine.prepare()
    with report.step("postgres and redis healthy"):
        engine.start(mode, STORES)
    identifier = ensure_same_cluster(session)
    with report.step("roles and databases in place"):
        engine.initialize_databases()
    return identifier


@contextlib.contextmanager
def stopped_if_interrupted(session: Session, *, keep: Collection[Component] = ()) -> Iterator[None]:
    """Stop the components, but those to keep, when Ctrl-C or SIGTERM ends a verb half-way."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        with deferred_interrupts():
            session.report.warn("interrupted; stopping what is half-started")
            session.engine.stop([component for component in Component if component not in keep])
        raise Interrupted(*interrupt.args) from None


def bring_down(session: Session) -> None:
    """Stop every component; the data stays."""
    alive = running(session.statuses())
    if not alive:
        session.report.say("nothing is running")
        return
    with session.report.step(f"{', '.join(alive)} stopped; data stays in place"):
        session.engine.stop(tuple(Component))


def restart(session: Session, component: Component | None) -> None:
    """Stop and start development, or one component of it.

    Raises:
        EnvironmentRefused: the test environment is on, or a pending migration would keep development from starting
            again; nothing was stopped.
    """
    refuse_testing_mode(session)
    if session.statuses()[Component.POSTGRES].health is Health.HEALTHY:
        refuse_hurtful(find_pending(session))
    stopping = tuple(Component) if component is None else (component,)
    with session.report.step(f"{', '.join(stopping)} stopped"):
        session.engine.stop(stopping)
    bring_up(session)


def show_environment(session: Session, seen: Overview) -> None:
    """Print the table of components, and where to go from here."""
    session.report.say("")
    session.report.table(
        ("component", "address", "health", "connected to"),
        [(c.component, c.address or "-", c.health, c.connected_to or "-") for c in seen.components],
    )
    for component in seen.components:
        if component.detail:
            session.report.warn(f"{component.component}: {component.detail}")
    if any(c.component is Component.APP and c.health is Health.HEALTHY for c in seen.components):
        session.report.say("")
        session.report.say(f"API       https://localhost:{session.configuration.app_port}")
        session.report.say(f"callback  https://localhost:{session.configuration.callback_port}")
        session.report.say(f"trust     {Certificates(session.project.home).authority}")
