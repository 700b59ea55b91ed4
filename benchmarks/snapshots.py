"""The duration of snapshots against pg_dump and pg_restore of the same data: `python -m benchmarks.snapshots`.

A throw-away project of the embedded engine is filled with about 100 MB. The gain from `file_copy_method=clone` depends
on the file system of the data folder, which TMPDIR selects.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from dashtam.devenv.components import SERVERS, SNAPSHOT_PREFIX, Component, EngineName
from dashtam.devenv.data.stamps import Reason
from dashtam.devenv.engines.embedded.binaries import locate_binaries
from dashtam.devenv.engines.embedded.cluster import superuser_environment
from dashtam.devenv.engines.embedded.folders import Folders
from dashtam.devenv.engines.observation import list_snapshot_databases
from dashtam.devenv.project.configuration import read_configuration
from dashtam.devenv.project.project import Project
from tests.support.projects.embedded import throwaway_folder
from tests.support.projects.project import ThrowawayProject, throwaway_project

ROUNDS: Final = 3
TAKE_TARGET: Final = 2.0
"""The minimum ratio of the duration of pg_dump to that of taking a snapshot."""
RESTORE_TARGET: Final = 1.2
"""The minimum ratio of the duration of pg_restore to that of restoring a snapshot."""
TAKE: Final = "snapshot.sh take"
RESTORE: Final = "snapshot.sh restore"
DUMP: Final = "pg_dump -Fc"
LOAD: Final = "pg_restore"
_MEGABYTE: Final = 10**6
_FILL: Final = """
CREATE TABLE entries (id bigint PRIMARY KEY, owner uuid NOT NULL, booked timestamptz NOT NULL, text text NOT NULL);
INSERT INTO entries SELECT n, gen_random_uuid(), now() - n * interval '1 minute', md5(n::text) || md5((n * 7)::text)
  FROM generate_series(1, 500000) AS n;
CREATE INDEX ON entries (owner);
CREATE INDEX ON entries (booked);
"""


def seconds(act: Callable[[], object]) -> float:
    """Return the duration of a call, in seconds."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def run(environment: Mapping[str, str], command: Sequence[str]) -> None:
    """Run a program of PostgreSQL."""
    program = str(locate_binaries().postgres_bin / command[0])
    subprocess.run([program, *command[1:]], env=dict(environment), check=True)


def superuser(project: ThrowawayProject) -> dict[str, str]:
    configuration = read_configuration(Project(project.name, project.checkout, project.home))
    return superuser_environment(configuration, Folders(project.home), locate_binaries())


def run_script(project: ThrowawayProject, action: str, name: str, **words: str) -> None:
    """Run the script of a verb without Invoke, for a fair comparison with pg_dump and pg_restore."""
    variables = {
        "SOURCE": "dashtam",
        "DATABASE": SNAPSHOT_PREFIX + name,
        "HEAD": "none",
        "REASON": Reason.BY_HAND.value,
        **words,
    }
    project.engine.run_script(
        ["snapshot.sh", action], {f"DASHTAM_SNAPSHOT_{key}": value for key, value in variables.items()}
    )


def measure_room(folder: Path) -> int:
    """Return the free bytes of the disk after a sync."""
    os.sync()
    return psutil.disk_usage(str(folder)).free


def measure(project: ThrowawayProject, folder: Path) -> dict[str, float]:
    """Time all ways in turns, and return the medians in seconds."""
    environment, dump = superuser(project), str(folder / "dump")
    times: dict[str, list[float]] = {}

    def timed(name: str, act: Callable[[], object]) -> None:
        times.setdefault(name, []).append(seconds(act))

    for number in range(ROUNDS):
        name, before = f"round-{number}", f"{SNAPSHOT_PREFIX}before-{number}"
        free = measure_room(folder)
        timed(TAKE, partial(run_script, project, "take", name))
        taken = (free - measure_room(folder)) / _MEGABYTE
        times.setdefault("MB per snapshot", []).append(taken)
        stamp = {name: comment for name, _, comment in list_snapshot_databases(project.engine)}[
            SNAPSHOT_PREFIX + name
        ]
        timed(RESTORE, partial(run_script, project, "restore", name, STAMP=stamp, BEFORE=before))
        timed(DUMP, lambda: run(environment, ["pg_dump", "-Fc", "-f", dump, "dashtam"]))
        run(environment, ["createdb", "--template=template0", "again"])
        timed(LOAD, lambda: run(environment, ["pg_restore", "--dbname=again", dump]))
        run(environment, ["dropdb", "again"])
    timed("db.snapshot, the whole verb", lambda: project.done("db.snapshot", "--name", "whole"))
    timed("db.restore, the whole verb", lambda: project.done("db.restore", "whole", "--replace", "dashtam"))
    return {name: median(values) for name, values in times.items()}


def main() -> int:
    """Print the measurements, and return 1 if a target is missed."""
    with (
        throwaway_folder() as folder,
        throwaway_project(EngineName.EMBEDDED, folder, "bench-snapshots") as project,
    ):
        project.done("up")
        project.engine.stop(SERVERS)  # to time the copying without the start of app
        project.engine.capture(Component.POSTGRES, ["psql", "--quiet", "--command", _FILL])
        size = int(project.ask("SELECT pg_database_size('dashtam')")[0][0]) / _MEGABYTE
        found = measure(project, folder)
        said = project.done("db.snapshot").splitlines()
    print(f"{size:.0f} MB of data; {next(line for line in said if 'file_copy_method' in line).strip()}")
    for name, value in found.items():
        print(f"{name:<30}{value:9.2f}")
    take, restore = found[DUMP] / found[TAKE], found[LOAD] / found[RESTORE]
    print(f"taking is {take:.1f} times as fast as pg_dump -Fc (at least {TAKE_TARGET})")
    print(f"restoring is {restore:.1f} times as fast as pg_restore (at least {RESTORE_TARGET})")
    return int(take < TAKE_TARGET or restore < RESTORE_TARGET)


if __name__ == "__main__":
    sys.exit(main())
