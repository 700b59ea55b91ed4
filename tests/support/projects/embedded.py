"""Throw-away projects of the embedded engine: their own checkout, data folder, ports and processes."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from dashtam.devenv.components import SERVERS, STORES, Component, Mode
from dashtam.devenv.engines.embedded.engine import EmbeddedEngine
from dashtam.devenv.engines.embedded.folders import Folders
from dashtam.devenv.engines.embedded.identity import end, find_marked, find_servers_of
from dashtam.devenv.project.certificates import ensure_certificates
from dashtam.devenv.project.configuration import Configuration, read_configuration
from dashtam.devenv.project.first_run import replace_values
from dashtam.devenv.project.project import Project
from tests.support.checkout import CHECKOUT
from tests.support.servers.ports import free_ports

_PORTS = ("APP_PORT", "CALLBACK_PORT", "POSTGRES_PORT", "REDIS_PORT")
INIT_DB = ("python", "-m", "dashtam.bootstrap.init_db")


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """A folder that every user may pass through, unlike pytest's; as root the stores are another user's."""
    folder = Path(tempfile.mkdtemp(prefix="dashtam-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def make_configuration(folder: Path, *, home: Path | None = None) -> Configuration:
    """Lay out a checkout with an .env of its own, and read it."""
    checkout = folder / "checkout"
    checkout.mkdir()
    shutil.copytree(CHECKOUT / "docker", checkout / "docker")
    shutil.copy(CHECKOUT / ".env.test", checkout)
    ports = {name: str(port) for name, port in zip(_PORTS, free_ports(len(_PORTS)), strict=True)}
    example = (CHECKOUT / ".env.example").read_text(encoding="ascii")
    (checkout / ".env").write_text(replace_values(example, ports), encoding="ascii")
    return read_configuration(Project("throwaway", checkout, home or folder / "home" / "throwaway"))


class EmbeddedProject:
    """One throw-away project, and what a test asks of it."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.folders = Folders(configuration.home)
        self.engine = EmbeddedEngine(configuration)

    def start_stores(self) -> None:
        """Bring postgres and redis up, with both databases."""
        ensure_certificates(self.configuration.home)
        self.engine.prepare()
        self.engine.start(Mode.DEVELOPMENT, STORES)
        self.engine.initialize_databases()

    def start(self) -> None:
        """Bring everything up, as `invoke up` does."""
        self.start_stores()
        self.engine.capture(Component.APP, INIT_DB)
        self.engine.start(Mode.DEVELOPMENT, SERVERS)

    def stop(self) -> None:
        """Stop everything."""
        self.engine.stop(tuple(Component))

    def psql(self, sql: str) -> str:
        """Ask the development database as its own role."""
        command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", sql]
        return self.engine.capture(Component.POSTGRES, command).strip()

    def process(self, component: Component) -> psutil.Process:
        """The process of a running component."""
        found = {status.component: status.process for status in self.engine.statuses()}
        return psutil.Process(int(found[component] or 0))

    def processes(self) -> list[psutil.Process]:
        """Every process of this project that is alive."""
        return list({*find_marked(self.folders.instance), *find_servers_of(self.folders.cluster)})


@contextmanager
def embedded_project(*, home: Path | None = None) -> Iterator[EmbeddedProject]:
    """A project that is stopped and gone afterwards, whatever the test did to it."""
    with throwaway_folder() as folder:
        project = EmbeddedProject(make_configuration(folder, home=home))
        try:
            yield project
        finally:
            project.stop()
            leftovers = project.processes()
            end(project.processes, gently=signal.SIGKILL, seconds=60)
            assert not leftovers, f"left behind: {leftovers} as user {os.getuid()}"
