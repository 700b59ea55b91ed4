"""What outlived its supervisord is ended, and nobody else; a lock file goes only when a stranger has its process id."""

import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from dashtam.devenv.components import Component
from dashtam.devenv.engines.embedded.leftovers import (
    end_processes,
    find_processes,
    gentle_signal,
    remove_strangers_lock,
)
from tests.support.projects.processes import marked, working_in


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_postgres_is_asked_not_to_wait_for_its_clients() -> None:
    assert gentle_signal(Component.POSTGRES) is signal.SIGINT
    assert gentle_signal(Component.REDIS) is signal.SIGTERM


def test_the_processes_of_a_component_and_of_its_cluster_are_ended_and_no_others(
    cluster: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        launched = stack.enter_context(marked("one", "postgres"))
        backend = stack.enter_context(working_in(cluster, tmp_path / "postgres"))
        others: list[subprocess.Popen[str] | subprocess.Popen[bytes]] = [
            stack.enter_context(marked("one", "redis")),
            stack.enter_context(marked("two", "postgres")),
            stack.enter_context(working_in(tmp_path, tmp_path / "postgres")),
        ]
        found = find_processes("one", Component.POSTGRES, cluster)
        assert {process.pid for process in found} == {launched.pid, backend.pid}
        assert [one.pid for one in find_processes("one", Component.POSTGRES, None)] == [launched.pid]

        end_processes("one", Component.POSTGRES, cluster, seconds=60)

        assert launched.wait(timeout=30) == -signal.SIGINT
        assert backend.wait(timeout=30) == -signal.SIGINT
        assert [other.poll() for other in others] == [None, None, None]


def test_a_lock_whose_process_id_a_stranger_has_is_removed(cluster: Path) -> None:
    lock = cluster / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{cluster}\n")
    remove_strangers_lock(cluster)
    assert not lock.exists()


def test_the_lock_of_a_process_that_works_in_the_cluster_stays(cluster: Path, tmp_path: Path) -> None:
    lock = cluster / "postmaster.pid"
    with working_in(cluster, tmp_path / "postgres") as server:
        lock.write_text(f"{server.pid}\n{cluster}\n")
        remove_strangers_lock(cluster)
    assert lock.exists()


@pytest.mark.parametrize("text", ["", "no number\n", "999999999\n", "-5\n"])
def test_a_lock_that_is_not_clear_is_left_to_postgresql(cluster: Path, text: str) -> None:
    lock = cluster / "postmaster.pid"
    lock.write_text(text)
    remove_strangers_lock(cluster)
    assert lock.exists()


def test_without_a_lock_there_is_nothing_to_do(cluster: Path) -> None:
    remove_strangers_lock(cluster)
    assert list(cluster.iterdir()) == []
