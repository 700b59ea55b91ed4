"""What is running, in which mode, and which database each process is really connected to."""

from dataclasses import asdict, dataclass

from dashtam.devenv.components import SNAPSHOT_PREFIX, Component, EngineName, Mode
from dashtam.devenv.engines.engine import ComponentStatus, Health
from dashtam.devenv.engines.observation import find_migration_head, list_databases, read_sessions
from dashtam.devenv.errors import EnvironmentFailed
from dashtam.devenv.project.lock import find_holder
from dashtam.devenv.project.ports import component_ports
from dashtam.devenv.session import Session, running_mode


@dataclass(frozen=True)
class ComponentView:
    """One component as a developer should see it."""

    component: Component
    health: Health
    port: int | None
    """None: it has none."""
    address: str | None
    process: str | None
    connected_to: str | None
    """What PostgreSQL itself says of the process' sessions."""
    detail: str


@dataclass(frozen=True)
class Overview:
    """An environment at one moment."""

    project: str
    engine: EngineName
    mode: Mode | None
    """None while nothing runs."""
    home: str
    verb_at_work: str | None
    migration_head: str | None
    sessions: dict[str, str]
    """Every session of Dashtam on the server, by name."""
    components: list[ComponentView]

    def as_document(self) -> dict[str, object]:
        """The same as plain values, for `--json`."""
        return asdict(self)


def observe(session: Session) -> Overview:
    """Look at an environment; changes nothing."""
    statuses = session.statuses()
    mode = running_mode(statuses)
    answering = statuses[Component.POSTGRES].health is Health.HEALTHY
    sessions, databases, head = _ask_postgres(session, mode) if answering else ({}, [], None)
    ports = component_ports(session.configuration)
    return Overview(
        project=session.project.name,
        engine=session.engine.name,
        mode=mode,
        home=str(session.project.home),
        verb_at_work=find_holder(session.project.home),
        migration_head=head,
        sessions=sessions,
        components=[
            ComponentView(
                component=component,
                health=status.health,
                port=ports.get(component),
                address=status.address,
                process=status.process,
                connected_to=_connected_to(session, status, mode, sessions, databases),
                detail=status.detail,
            )
            for component, status in statuses.items()
        ],
    )


def _ask_postgres(session: Session, mode: Mode | None) -> tuple[dict[str, str], list[str], str | None]:
    try:
        database = session.configuration.owner(mode or Mode.DEVELOPMENT).database
        databases = list_databases(session.engine)
        head = find_migration_head(session.engine, database) if database in databases else None
        return read_sessions(session.engine), databases, head
    except EnvironmentFailed as failure:  # it may be stopping under our eyes; the table says so
        session.report.warn(str(failure))
        return {}, [], None


def _connected_to(
    session: Session,
    status: ComponentStatus,
    mode: Mode | None,
    sessions: dict[str, str],
    databases: list[str],
) -> str | None:
    if status.health is Health.STOPPED or mode is None:
        return None
    if status.component is Component.POSTGRES:
        return _holdings(databases)
    if status.component is Component.REDIS:
        return f"index {session.configuration.redis_index(mode)}"
    return sessions.get(f"dashtam.{mode}.{status.component}", "no session")


def _holdings(databases: list[str]) -> str | None:
    """The databases by name, but of the snapshots only how many."""
    names = [name for name in databases if not name.startswith(SNAPSHOT_PREFIX)]
    snapshots = len(databases) - len(names)
    counted = [f"{snapshots} snapshot{'' if snapshots == 1 else 's'}"] if snapshots else []
    return f"holds {', '.join(names + counted)}" if databases else None
