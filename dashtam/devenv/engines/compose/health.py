"""What the containers of a project say when they are asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from dashtam.devenv.components import Component, Mode, is_idle
from dashtam.devenv.engines.asking import ask_component, component_address
from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.engines.compose.command import accepts_superuser
from dashtam.devenv.engines.compose.containers import Container
from dashtam.devenv.engines.engine import ComponentStatus, Health
from dashtam.devenv.engines.probes import ProbeFailed
from dashtam.devenv.project.configuration import Configuration

_AT_REST = ("created", "exited")


@dataclass(frozen=True)
class Examiner:
    """Asks the components of one project, through the ports that they publish on this machine."""

    configuration: Configuration
    client: Client

    def statuses(self, found: Mapping[Component, Container]) -> list[ComponentStatus]:
        """One entry per component, probed now, each in the mode that its container was started in."""
        return [self._status(component, found.get(component)) for component in Component]

    def probe_started(self, component: Component, mode: Mode) -> None:
        """Ask a component that was just started; the application's roles may not exist yet.

        Raises:
            ProbeFailed: what it answered.
        """
        if component is Component.POSTGRES:
            answer = self.client.ask(accepts_superuser(self.configuration))
            if answer.code != 0:
                raise ProbeFailed(answer.last_lines or "it does not accept connections over TCP yet")
        else:
            ask_component(self.configuration, component, mode)

    def _probe_container(self, container: Container, component: Component, mode: Mode) -> None:
        if not container.running:
            raise ProbeFailed(container.why_hopeless or f"the container is {container.status}")
        ask_component(self.configuration, component, mode)

    def _status(self, component: Component, container: Container | None) -> ComponentStatus:
        if container is None or container.status in _AT_REST:
            return ComponentStatus(component, Health.STOPPED, detail=_farewell(container))
        if not container.belongs_to(self.configuration.project, component):
            return ComponentStatus(
                component, Health.STOPPED, detail=f"{container.name} is another project's container"
            )
        mode = container.mode or Mode.DEVELOPMENT
        health, detail = Health.IDLE if is_idle(component, mode) else Health.HEALTHY, ""
        try:
            self._probe_container(container, component, mode)
        except ProbeFailed as failure:
            health = Health.STARTING if container.health == "starting" else Health.UNHEALTHY
            detail = str(failure)
        return ComponentStatus(
            component,
            health,
            address=None if is_idle(component, mode) else component_address(self.configuration, component),
            mode=container.mode,
            process=container.name,
            detail=detail,
        )


def _farewell(container: Container | None) -> str:
    if container is None or container.status != "exited" or container.exit_code in {0, 143}:
        return ""
    return container.why_hopeless or ""
