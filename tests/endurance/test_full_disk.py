"""A full disk loses no row: the verb fails with a message, and the next one repairs once there is space."""

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dashtam.devenv.components import EngineName
from tests.support.faults.faults import docker
from tests.support.projects.checksum import assert_unchanged, settle, take_checksum
from tests.support.projects.embedded import throwaway_folder
from tests.support.projects.project import ThrowawayProject, store_something, throwaway_project

VERBS = ("test.setup", "db.snapshot --name full", "restart", "test.clean", "up")
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a file system")


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of half a gigabyte for only this test."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m,mode=711", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def project_on_small_disk(engine: EngineName) -> Iterator[tuple[ThrowawayProject, Path]]:
    """A project with its data on a separate disk: its data folder, or a mount over its volume."""
    # In a separate folder, because the session's folder may hold data of projects of other files.
    with throwaway_folder() as folder, throwaway_project(engine, folder, "full-disk") as project:
        if engine is EngineName.EMBEDDED:
            project.data.mkdir(mode=0o711)
            with small_disk(project.data) as disk:
                yield project, disk
                project.remove()
            return
        project.done("up")  # creates the volume
        project.done("down")
        place = Path(
            docker("volume", "inspect", "--format={{.Mountpoint}}", f"{project.name}-postgres").strip()
        )
        if not place.is_dir():
            pytest.skip("the Docker engine keeps its volumes on another machine")
        moved = folder / f"volume-of-{project.name}"
        subprocess.run(["cp", "--archive", str(place), str(moved)], check=True)
        with small_disk(place) as disk:
            subprocess.run(["cp", "--archive", f"{moved}/.", str(disk)], check=True)
            yield project, disk
            project.done("down")


def fill(disk: Path) -> Path:
    """Write until no block is free, and return the file."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096 * 16)):
                pass
            while file.write(bytes(4096)):
                pass
        except OSError:  # no space left on device
            return ballast
    raise AssertionError("the disk never became full")


@pytest.mark.long_on_compose
def test_a_full_disk(engine: EngineName, rounds: int, luck: random.Random) -> None:
    with project_on_small_disk(engine) as (project, disk):
        store_something(project)
        before = take_checksum(project)
        for verb in luck.sample(VERBS, min(len(VERBS), max(2, rounds // 2))):
            project.done("test.setup" if verb == "test.clean" else "up")
            settle(project)
            ballast = fill(disk)
            try:
                result = project.invoke(*verb.split())
            finally:
                ballast.unlink()
            result.assert_told()
            if project.status()["mode"] == "testing":
                project.done("test.clean")
            project.done("up")
            assert_unchanged(project, before, f"{verb} on a full disk, which ended with {result.code}")
