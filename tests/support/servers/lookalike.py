"""Another cluster in place of a project's own: same names, roles, passwords and port, but different rows.

It simulates a tunnel, a restored volume or a copied data folder: only the cluster's identity differs.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from dashtam.devenv.components import STORES, Component, EngineName, Mode
from dashtam.devenv.engines.embedded.folders import Folders
from tests.support.projects.checksum import Checksum, take_checksum
from tests.support.projects.project import ThrowawayProject
from tests.support.servers.superuser import run_as_superuser

DATABASES: Final = ("dashtam", "dashtam_test", "dashtam_snapshot_old")
_ROWS: Final = "CREATE TABLE users AS SELECT 'the only copy' AS email; ALTER TABLE users OWNER TO {owner}"


@dataclass(frozen=True)
class Lookalike:
    """The other cluster."""

    project: ThrowawayProject
    identifier: str
    ours: str
    """The identifier of the cluster that it replaces."""

    def contents(self) -> list[Checksum]:
        """Return all its rows, for comparison."""
        return [take_checksum(_Beside(self.project, name)) for name in DATABASES[:2]] + [
            Checksum({"databases": sorted(map(str, self.project.ask(_STAMPS)))})
        ]

    def serve(self, mode: Mode) -> None:
        """Start it again after a verb has stopped it."""
        self.project.engine.start(mode, STORES)

    def forge_stamps(self) -> None:
        """Put the identifier of our cluster into every comment."""
        self._stamp(self.identifier, self.ours)

    def name_itself(self) -> None:
        """Put its own identifier into every comment."""
        self._stamp(self.ours, self.identifier)

    def _stamp(self, before: str, after: str) -> None:
        for name in DATABASES:
            ((stamp,),) = self.project.ask(_STAMP.format(name=name))
            assert f" cluster={before}" in stamp
            stamp = stamp.replace(f" cluster={before}", f" cluster={after}")
            _done(self.project, f"COMMENT ON DATABASE {name} IS '{stamp}'")


_STAMP: Final = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{name}'"
_STAMPS: Final = "SELECT datname, shobj_description(oid, 'pg_database'), datacl FROM pg_database"


@dataclass(frozen=True)
class _Beside:
    """A view of the project whose development database is another one."""

    project: ThrowawayProject
    name: str

    def ask(self, sql: str, *, database: str = "dashtam") -> list[list[str]]:
        return self.project.ask(sql, database=self.name if database == "dashtam" else database)


@contextmanager
def standing_in(project: ThrowawayProject) -> Iterator[Lookalike]:
    """Replace the project's cluster while app keeps running, and restore it at the end of the context."""
    ((ours,),) = project.ask("SELECT system_identifier FROM pg_control_system()")
    project.engine.stop((Component.POSTGRES,))
    _move_ours(project, "aside")
    try:
        engine = project.engine
        engine.prepare()
        engine.start(Mode.TESTING, (Component.POSTGRES,))
        engine.initialize_databases()
        yield _furnish(project, ours)
    finally:
        project.engine.stop(tuple(Component))
        _move_ours(project, "back")


def _furnish(project: ThrowawayProject, ours: str) -> Lookalike:
    for name in DATABASES[:2]:
        owner = "dashtam_user" if name == "dashtam" else "dashtam_test_user"
        _done(project, _ROWS.format(owner=owner), database=name)
    taken = {"SOURCE": "dashtam", "DATABASE": DATABASES[2], "REASON": "by hand", "HEAD": "none"}
    variables = {f"DASHTAM_SNAPSHOT_{name}": value for name, value in taken.items()}
    project.engine.run_script(["snapshot.sh", "take"], variables)
    ((identifier,),) = project.ask("SELECT system_identifier FROM pg_control_system()")
    assert identifier != ours
    return Lookalike(project, identifier, ours)


def _done(project: ThrowawayProject, sql: str, *, database: str = "postgres") -> None:
    result = run_as_superuser(project, sql, database=database)
    assert result.returncode == 0, result.stderr


def _move_ours(project: ThrowawayProject, where: str) -> None:
    if project.engine_name is EngineName.EMBEDDED:
        cluster = Folders(project.home).cluster
        aside = cluster.with_name("aside")
        if where == "aside":
            cluster.rename(aside)
            return
        cluster.rename(cluster.with_name("theirs"))
        aside.rename(cluster)
        return
    moves = {"aside": "mv 18 aside", "back": "mv 18 theirs && mv aside 18"}
    volume = f"--volume={project.name}-postgres:/volume"
    options = ("--rm", "--user=postgres", "--workdir=/volume", "--entrypoint=sh", volume)
    subprocess.run(["docker", "run", *options, "postgres:18", "-c", moves[where]], check=True)
