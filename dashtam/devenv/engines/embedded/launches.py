"""What each component of a project is started with, in a mode."""

import os
from dataclasses import dataclass
from functools import cached_property

from dashtam.devenv.components import STORES, Component, Mode, is_idle
from dashtam.devenv.engines.embedded import command
from dashtam.devenv.engines.embedded.account import Account, ensure_account
from dashtam.devenv.engines.embedded.binaries import Binaries, copy_binaries, locate_binaries
from dashtam.devenv.engines.embedded.command import Launch
from dashtam.devenv.engines.embedded.folders import Folders, write_private
from dashtam.devenv.project.configuration import Configuration
from dashtam.devenv.project.ports import PORT_OF, component_ports


@dataclass(frozen=True)
class Launches:
    """Builds the launches of one project, for the user and with the programs that this machine has."""

    configuration: Configuration
    folders: Folders

    @cached_property
    def account(self) -> Account | None:
        """The user that the stores run as; None where that is the invoking one."""
        return ensure_account()

    @cached_property
    def binaries(self) -> Binaries:
        """The server programs: in the virtual environment, or copied to where the stores' user may read them."""
        if self.account is None:
            return locate_binaries()
        return copy_binaries(self.folders.home.parent / ".binaries")

    def build(self, component: Component, mode: Mode, *, cluster_identifier: str | None) -> Launch:
        """Build the launch of a component, and write the configuration that it reads."""
        if component is Component.POSTGRES:
            return self._build_postgres()
        if component is Component.REDIS:
            return self._build_redis(mode)
        return self._build_server(component, mode, cluster_identifier)

    def server_environment(self, mode: Mode, *, cluster_identifier: str | None) -> dict[str, str]:
        """Build the environment of app, of callback, and of the commands that run beside them."""
        return command.server_environment(
            self.configuration, mode, os.environ, cluster_identifier=cluster_identifier
        )

    def client_environment(self, mode: Mode) -> dict[str, str]:
        """Build the environment in which psql is the application's role in a mode's database."""
        owner = self.configuration.owner(mode)
        return command.client_environment(
            self.configuration.postgres_port,
            user=owner.user,
            password=owner.password,
            database=owner.database,
            binaries=self.binaries,
        )

    def _build_postgres(self) -> Launch:
        folders = self.folders
        return command.build_launch(
            Component.POSTGRES,
            command.postgres_command(self.binaries, folders.cluster, self.configuration.postgres_port),
            command.store_environment(folders.postgres),
            folders,
            folder=folders.postgres,
            account=self._ids,
            cluster=folders.cluster,
        )

    def _build_redis(self, mode: Mode) -> Launch:
        folders, configuration = self.folders, self.configuration
        rules = (configuration.checkout / "docker" / "redis-users.conf").read_text(encoding="ascii")
        users = command.redis_users(rules, configuration, mode)
        text = command.redis_configuration(folders.redis, configuration.redis_port, users)
        file = folders.redis / "valkey.conf"
        write_private(file, text, owner=self._ids)
        return command.build_launch(
            Component.REDIS,
            [str(self.binaries.valkey_server), str(file)],
            command.store_environment(folders.redis),
            folders,
            folder=folders.redis,
            account=self._ids,
            reads=[text.encode()],
        )

    def _build_server(self, component: Component, mode: Mode, cluster_identifier: str | None) -> Launch:
        files = [self.configuration.env_file(mode), self.folders.certificates.server]
        return command.build_launch(
            component,
            self._server_command(component, mode),
            self.server_environment(mode, cluster_identifier=cluster_identifier),
            self.folders,
            folder=self.configuration.checkout,
            reads=[file.read_bytes() for file in files],
        )

    def _server_command(self, component: Component, mode: Mode) -> list[str]:
        if component is Component.REFRESHER:
            return command.refresher_command()
        if is_idle(component, mode):
            return command.idle_command()
        port = component_ports(self.configuration)[component]
        return command.server_command(component, port, self.folders)

    @property
    def _ids(self) -> tuple[int, int] | None:
        return None if self.account is None else (self.account.uid, self.account.gid)


def binds_port(component: Component, mode: Mode) -> bool:
    """Whether a component listens on its port in a mode."""
    return component in PORT_OF and (component in STORES or not is_idle(component, mode))
