"""Whatever ends a verb half-way, no row is lost and the next verb goes on from there."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dashtam.devenv.components import EngineName
from tests.support.projects.project import ThrowawayProject, finish, read_until, throwaway_project

BROKEN_MIGRATION = """
from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return "CREATE TABLE half_way (id int PRIMARY KEY); INSERT INTO half_way VALUES (1), (1);"


async def downgrade(db: BaseDBAsyncClient) -> str:
    return ""
"""
root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a file system")


def interrupt(project: ThrowawayProject, verb: str, after: str, number: signal.Signals) -> tuple[int, str]:
    """Send a signal to a verb, as a terminal does to all of its processes, once it has said some words."""
    process = project.start(verb)
    said = read_until(process, after)
    if number is signal.SIGTERM:
        process.terminate()  # of a service manager: to the verb alone
    else:
        os.killpg(process.pid, number)
    answer = finish(process)
    return answer.code, said + answer.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_leaves_nothing_half_started(
    development: ThrowawayProject, number: signal.Signals
) -> None:
    rows = development.dump()
    development.done("down")
    code, said = interrupt(development, "up", "postgres and redis healthy", number)
    assert code == 1
    assert "Traceback" not in said
    assert said.rstrip().rpartition("\n")[2].startswith("→ invoke status")
    assert set(development.health().values()) == {"stopped"}
    development.done("up")
    assert development.dump() == rows


def test_an_interrupted_setup_leaves_nothing_half_started(development: ThrowawayProject) -> None:
    rows = development.dump()
    code, said = interrupt(development, "test.setup", "roles and databases in place", signal.SIGINT)
    assert code == 1
    assert "Traceback" not in said
    assert set(development.health().values()) == {"stopped"}
    development.done("up")
    assert development.dump() == rows


@pytest.mark.parametrize("after", ["engine prepared", "postgres and redis healthy"])
def test_a_killed_up_is_healed_by_the_next(development: ThrowawayProject, after: str) -> None:
    rows = development.dump()
    development.done("down")
    code, _ = interrupt(development, "up", after, signal.SIGKILL)
    assert code == -signal.SIGKILL
    development.done("up")
    assert set(development.health().values()) == {"healthy"}
    assert development.dump() == rows


@pytest.mark.parametrize("after", ["app, callback and refresher stopped", "5 models imported"])
def test_a_killed_setup_is_healed_by_the_next_and_development_loses_nothing(
    development: ThrowawayProject, after: str
) -> None:
    rows = development.dump()
    interrupt(development, "test.setup", after, signal.SIGKILL)
    development.done("test.setup")
    development.done("test.integration")
    development.done("test.clean")
    development.done("up")
    assert development.dump() == rows


def test_a_first_up_that_is_killed_is_healed_by_the_next(fresh: ThrowawayProject) -> None:
    interrupt(fresh, "up", "wrote", signal.SIGKILL)
    secrets = fresh.env_file.read_bytes()
    fresh.done("up")
    assert fresh.env_file.read_bytes() == secrets
    assert set(fresh.health().values()) == {"healthy"}


def test_of_two_verbs_at_once_one_works_and_the_other_is_told_who(development: ThrowawayProject) -> None:
    development.done("down")
    first = development.start("up")
    said = read_until(first, "engine prepared")
    second = development.invoke("test.setup")
    assert second.code == 3
    assert f"another verb is at work here: pid {first.pid} (invoke up), since 20" in second.output
    assert finish(first).code == 0, said
    assert development.status()["mode"] == "development"


def test_two_ups_at_once_start_one_environment(development: ThrowawayProject) -> None:
    development.done("down")
    ups = [development.start("up") for _ in range(2)]
    assert sorted(finish(up).code for up in ups) == [0, 3]
    assert set(development.health().values()) == {"healthy"}


def test_a_migration_that_fails_half_way_is_rolled_back_and_told(development: ThrowawayProject) -> None:
    rows = development.dump()
    development.done("down")
    file = development.checkout / "migrations" / "models" / "99_20990101000000_broken.py"
    file.write_text(BROKEN_MIGRATION, encoding="ascii")
    try:
        answer = development.invoke("up")
    finally:
        file.unlink()
    assert answer.code == 1
    assert "99_20990101000000_broken.py failed and was rolled back" in answer.output
    assert "invoke db.restore before-migration-" in answer.last_line
    assert "half_way" not in development.dump()
    development.done("up")
    assert development.dump() == rows


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@root_only
def test_a_read_only_data_folder_is_named(engine: EngineName, folder: Path) -> None:
    with throwaway_project(engine, folder, "closed") as project:
        with mounted(folder / "closed", "ro,size=1m") as data:
            answer = project.invoke("up", DASHTAM_HOME=str(data))
        assert answer.code == 1
        assert "Read-only file system" in answer.output
        assert "point DASHTAM_HOME to a folder that is" in answer.last_line
        assert not project.env_file.exists()


@root_only
def test_a_full_disk_is_told_and_healed_by_room(engine: EngineName, folder: Path) -> None:
    if engine is EngineName.COMPOSE:
        pytest.skip("the data of containers is in Docker's volumes, whose disk no test may fill")
    with mounted(folder / "full", "size=24m,mode=711") as data:
        with throwaway_project(engine, folder, "full") as project:
            project.data, project.home = data, data / project.name
            answer = project.invoke("up")
            assert answer.code == 1, answer.output
            assert "No space left on device" in answer.output or "no space left" in answer.output
            assert "Traceback" not in answer.output
            assert answer.last_line.startswith("→ ")
            subprocess.run(["mount", "-o", "remount,size=1g", str(data)], check=True)
            project.done("up")
            assert set(project.health().values()) == {"healthy"}
        shutil.rmtree(data / ".binaries")
