"""What the components of a project say when they are asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from dashtam.devenv.components import Component, Mode, is_idle
from dashtam.devenv.engines.asking import ask_component, component_address
from dashtam.devenv.engines.embedded.cluster import ensure_superuser_password
from dashtam.devenv.engines.embedded.command import SUPERUSER, Launch
from dashtam.devenv.engines.embedded.folders import Folders
from dashtam.devenv.engines.embedded.identity import DIGEST, read_environment
from dashtam.devenv.engines.embedded.leftovers import find_processes
from dashtam.devenv.engines.embedded.supervisor import Program, ProgramState, Supervisor, process_of
from dashtam.devenv.engines.engine import ComponentStatus, Health
from dashtam.devenv.engines.probes import ProbeFailed, probe_postgres
from dashtam.devenv.project.configuration import Configuration


@dataclass(frozen=True)
class Examiner:
    """Asks the components of one project."""

    configuration: Configuration
    folders: Folders
    supervisor: Supervisor

    def statuses(self) -> list[ComponentStatus]:
        """One entry per component, probed now, as the application's roles of the mode that app runs in."""
        programs = self.supervisor.programs()
        mode = read_mode(environment_of(programs[Component.APP])) or Mode.DEVELOPMENT
        return [self._status(component, programs[component], mode) for component in Component]

    def probe_started(self, launch: Launch, mode: Mode) -> None:
        """Ask a component that was just started; the application's roles may not exist yet.

        Raises:
            ProbeFailed: what it answered, or that the process which runs is not yet the component.
        """
        component = launch.component
        if environment_of(self.supervisor.programs()[component]).get(DIGEST) != launch.digest:
            raise ProbeFailed("its process is being launched")
        if component is Component.POSTGRES:
            password = ensure_superuser_password(self.folders)
            port = self.configuration.postgres_port
            probe_postgres(port, user=SUPERUSER, password=password, database=SUPERUSER)
        else:
            ask_component(self.configuration, component, mode)

    def _status(self, component: Component, program: Program, mode: Mode) -> ComponentStatus:
        if not program.alive:
            return self._status_of_stopped(component, program)
        health, detail = Health.IDLE if is_idle(component, mode) else Health.HEALTHY, ""
        try:
            ask_component(self.configuration, component, mode)
        except ProbeFailed as failure:
            settled = program.state is ProgramState.RUNNING
            health, detail = (Health.UNHEALTHY if settled else Health.STARTING), str(failure)
        return ComponentStatus(
            component,
            health,
            address=None if is_idle(component, mode) else component_address(self.configuration, component),
            mode=read_mode(environment_of(program)),
            process=str(program.pid),
            detail=detail,
        )

    def _status_of_stopped(self, component: Component, program: Program) -> ComponentStatus:
        cluster = self.folders.cluster_of(component)
        leftovers = find_processes(self.folders.instance, component, cluster)
        if leftovers:
            return ComponentStatus(
                component,
                Health.UNHEALTHY,
                mode=read_mode(read_environment(leftovers[0])),
                process=str(leftovers[0].pid),
                detail="left behind by a supervisord that was killed; the next start or stop ends it",
            )
        if program.state is ProgramState.STOPPED:
            return ComponentStatus(component, Health.STOPPED)
        detail = program.reason or f"ended by itself ({program.state.lower()})"
        return ComponentStatus(component, Health.UNHEALTHY, detail=detail)


def environment_of(program: Program) -> dict[str, str]:
    """The environment that the process of a program was started with; empty where none runs."""
    process = process_of(program)
    return {} if process is None else read_environment(process)


def read_mode(environment: Mapping[str, str]) -> Mode | None:
    """The mode in which app or callback was started."""
    value = environment.get("ENVIRONMENT")
    return Mode(value) if value in set(Mode) else None
