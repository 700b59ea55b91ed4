"""The compose engine: the five components as containers, healthy in that order."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import ClassVar

from dashtam.devenv.components import SERVERS, STORES, Component, EngineName, Mode, is_away
from dashtam.devenv.engines.asking import HEALTHY_SECONDS
from dashtam.devenv.engines.compose import cluster, foreground, images, logs, volumes
from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.engines.compose.command import (
    compose,
    compose_environment,
    container_name,
    digest,
    inside,
    run_once,
    up,
)
from dashtam.devenv.engines.compose.containers import (
    Container,
    by_component,
    end_leftovers,
    list_containers,
    refuse_strangers,
)
from dashtam.devenv.engines.compose.daemon import Daemon, connect
from dashtam.devenv.engines.compose.health import Examiner
from dashtam.devenv.engines.compose.plan import read_plan, reasons_to_refuse
from dashtam.devenv.engines.engine import ComponentStatus
from dashtam.devenv.engines.probes import wait_until
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused, list_problems
from dashtam.devenv.project.certificates import Certificates
from dashtam.devenv.project.configuration import Configuration
from dashtam.devenv.project.ports import component_ports, refuse_busy_ports
from dashtam.devenv.project.project import refuse_to_wipe_default

_LOOK_SECONDS = 1.0  # asking Docker costs the starting component more than asking the component does
_ERROR_LINES = 15


class ComposeEngine:
    """Runs the five components of one project as containers of Docker Compose."""

    name: ClassVar[EngineName] = EngineName.COMPOSE

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._started: tuple[Mode, str | None] | None = None

    def check(self) -> None:
        """Raise unless a Docker engine of this machine answers, with Compose 2.24 or newer."""
        self._connection  # noqa: B018 - asking is the check

    def prepare(self) -> None:
        """Make the volumes, pull and build the images; whatever is there stays as it is."""
        self._clear_the_way()
        volumes.ensure_volumes(self._client, self._configuration)
        images.ensure_images(self._client, self._configuration, self._values(Mode.DEVELOPMENT, None))

    def start(
        self, mode: Mode, components: Sequence[Component], *, cluster_identifier: str | None = None
    ) -> None:
        """Start components in a mode and return when each is healthy; the stores before what runs our code."""
        self._started = (mode, cluster_identifier)
        wanted = [component for component in Component if component in components]
        away = [component for component in wanted if is_away(component, mode)]
        if away:
            wanted = [component for component in wanted if component not in away]
            self.stop(away)
        values = self._values(mode, cluster_identifier)
        self._check_plan(mode, cluster_identifier, values)
        for stage in (STORES, SERVERS):
            due = [component for component in wanted if component in stage]
            if due:
                self._launch(due, mode, values)
            for component in due:
                self._wait_for(component, mode)

    def stop(self, components: Sequence[Component]) -> None:
        """Stop the components; when all five are meant, their containers and their network go as well."""
        found = self._clear_the_way()
        volumes.refuse_strangers(self._client, self._configuration)
        present = [component for component in components if component in found]
        words = ("down",) if set(components) == set(Component) else ("stop", *present)
        if present:
            values = self._values(Mode.DEVELOPMENT, None)
            self._client.tell(compose(self._configuration, Mode.DEVELOPMENT, *words), more=values)

    def statuses(self) -> list[ComponentStatus]:
        """One entry per component, probed now."""
        return self._examiner.statuses(self._containers())

    def initialize_databases(self) -> None:
        """Make both roles and both databases of the running postgres what they should be."""
        cluster.initialize_databases(self._client, self._configuration)

    def run_script(self, words: Sequence[str], variables: Mapping[str, str]) -> str:
        """Run a script of docker/ as the superuser of the running postgres; what it printed."""
        return cluster.run_script(self._client, self._configuration, words, variables)

    def query(self, database: str, sql: str) -> list[list[str]]:
        """Ask the running postgres as its superuser, in a read-only session."""
        return cluster.ask(self._client, self._configuration, database, sql)

    def execute(self, component: Component, command: Sequence[str], *, interactive: bool = True) -> int:
        """Run a command inside a component, on this terminal; its exit code.

        Where app or callback does not run in the mode that this object started last, the command gets a container of
        its own, like the component's.
        """
        if self._serves(component):
            code = foreground.run_inside(
                self._client, self._configuration, component, command, interactive=interactive
            )
        else:
            mode, identifier = self._mode_of_commands()
            code = foreground.run_beside(
                partial(run_once, self._configuration, mode, component, command),
                self._client.environment(self._values(mode, identifier)),
                interactive=interactive,
            )
        if code != 0:
            self._client.require_engine()
        return code

    def capture(self, component: Component, command: Sequence[str]) -> str:
        """Run a command inside a component; its output."""
        if self._serves(component):
            return self._client.tell(inside(self._configuration, component, command))
        mode, identifier = self._mode_of_commands()
        once = run_once(self._configuration, mode, component, command)
        return self._client.tell(once, more=self._values(mode, identifier))

    def logs(self, components: Sequence[Component], *, follow: bool, tail: int) -> None:
        """Print the components' lines in the order of time."""
        names = {name: container_name(self._configuration, name) for name in components}
        logs.print_logs(self._client, names, follow=follow, tail=tail)

    def ports(self) -> Mapping[Component, int]:
        """The ports of this machine that the components bind."""
        return component_ports(self._configuration)

    def wipe(self) -> None:
        """Remove the databases, the cache and the image of a throw-away project."""
        refuse_to_wipe_default(self._configuration.project)
        self.stop(tuple(Component))
        volumes.remove_volumes(self._client, self._configuration)
        images.remove_image(self._client, self._configuration)

    @cached_property
    def _connection(self) -> tuple[Client, Daemon]:
        return connect(os.environ, self._configuration.docker_host)

    @property
    def _client(self) -> Client:
        return self._connection[0]

    @property
    def _examiner(self) -> Examiner:
        return Examiner(self._configuration, self._client)

    def _containers(self) -> dict[Component, Container]:
        return by_component(list_containers(self._client, self._configuration), self._configuration)

    def _clear_the_way(self) -> dict[Component, Container]:
        """Our containers, once nobody else's stands where they do, and no leftover beside them."""
        containers = list_containers(self._client, self._configuration)
        refuse_strangers(containers, self._configuration)
        end_leftovers(self._client, containers, self._configuration)
        return self._containers()

    def _values(self, mode: Mode, cluster_identifier: str | None) -> dict[str, str]:
        """What the compose files interpolate beside the env files."""
        # Root without a single capability, where root calls: it may read what is root's, and nothing else.
        _, daemon = self._connection
        user = "0:0" if daemon.rootless else f"{os.getuid()}:{os.getgid()}"
        files = [self._configuration.env_file(mode), Certificates(self._configuration.home).server]
        return compose_environment(
            self._configuration,
            user=user,
            inputs=images.build_inputs(self._configuration),
            files=digest(file.read_bytes() for file in files if file.is_file()),
            cluster_identifier=cluster_identifier,
        )

    def _check_plan(self, mode: Mode, cluster_identifier: str | None, values: Mapping[str, str]) -> None:
        document = read_plan(self._client, self._configuration, mode, values)
        reasons = reasons_to_refuse(
            document, self._configuration, mode, cluster_identifier=cluster_identifier
        )
        if reasons:
            raise EnvironmentRefused(
                list_problems("Compose would run something else than is meant; nothing was started", reasons),
                advice="git diff -- docker-compose.yml docker-compose.test.yml",
            )

    def _launch(self, components: Sequence[Component], mode: Mode, values: Mapping[str, str]) -> None:
        found = self._clear_the_way()
        stopped = [name for name in components if name not in found or not found[name].running]
        refuse_busy_ports(self._configuration, stopped)
        self._client.tell(up(self._configuration, mode, components), more=values)

    def _wait_for(self, component: Component, mode: Mode) -> None:
        looked_at = time.monotonic()

        def why_hopeless() -> str | None:
            nonlocal looked_at
            if time.monotonic() - looked_at < _LOOK_SECONDS:
                return None
            looked_at = time.monotonic()
            container = self._containers().get(component)
            return "its container is gone" if container is None else container.why_hopeless

        try:
            wait_until(
                lambda: self._examiner.probe_started(component, mode),
                seconds=HEALTHY_SECONDS[component],
                give_up=why_hopeless,
            )
        except EnvironmentFailed as failure:
            raise EnvironmentFailed(
                "\n".join([f"{component} did not become healthy: {failure}", *self._last_words(component)]),
                advice=f"invoke logs --component {component}",
            ) from failure

    def _last_words(self, component: Component) -> Iterable[str]:
        container = self._containers().get(component)
        if container is None:
            return
        if container.last_check:
            yield f"its own health check said: {container.last_check}"
        for line in logs.last_lines(self._client, component, container.name, _ERROR_LINES):
            yield line.text

    def _serves(self, component: Component) -> bool:
        """A command can run in the component's container, because that runs as this object means it."""
        container = self._containers().get(component)
        fits = container is not None and container.running and self._started_as(container)
        if component in STORES and not fits:
            raise EnvironmentFailed(f"{component} does not run", advice="invoke up")
        return fits

    def _started_as(self, container: Container) -> bool:
        return self._started is None or container.mode is self._started[0]

    def _mode_of_commands(self) -> tuple[Mode, str | None]:
        return self._started or (Mode.DEVELOPMENT, None)
