"""Processes are found by the mark that they carry, and ended gently, then firmly."""

import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from dashtam.devenv.engines.embedded.identity import (
    INSTANCE,
    end,
    find_marked,
    find_servers_of,
    is_alive,
    read_environment,
)
from tests.support.checkout import CHECKOUT
from tests.support.projects.processes import SLEEP, marked, working_in

STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


def test_only_the_processes_of_an_instance_and_component_are_found() -> None:
    with ExitStack() as stack:
        wanted = stack.enter_context(marked("one", "app"))
        other = stack.enter_context(marked("one", "callback"))
        stack.enter_context(marked("two", "app"))

        assert [process.pid for process in find_marked("one", "app")] == [wanted.pid]
        assert {process.pid for process in find_marked("one")} == {wanted.pid, other.pid}


def test_a_process_never_finds_itself() -> None:
    code = (
        "from dashtam.devenv.engines.embedded.identity import find_marked; print(len(find_marked('three')))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], env={INSTANCE: "three"}, cwd=CHECKOUT, capture_output=True, text=True
    )
    assert answer.stdout == "0\n", answer.stderr


def test_the_servers_of_a_cluster_are_programs_called_postgres_that_work_in_it(tmp_path: Path) -> None:
    cluster, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for folder in (cluster, elsewhere):
        folder.mkdir()
    postgres, other = tmp_path / "postgres", tmp_path / "other"
    with ExitStack() as stack:
        server = stack.enter_context(working_in(cluster, postgres)).pid
        stack.enter_context(working_in(cluster, other))
        stack.enter_context(working_in(elsewhere, postgres))
        assert [process.pid for process in find_servers_of(cluster)] == [server]
        postgres.unlink()  # as an update of the wheel does
        assert [process.pid for process in find_servers_of(cluster)] == [server]


def test_the_environment_of_a_process_that_ended_is_empty() -> None:
    with marked("four", "app") as process:
        (found,) = find_marked("four")
        process.kill()
        process.wait()

    assert read_environment(found) == {}
    assert not is_alive(found)


@pytest.mark.parametrize("trouble", [psutil.AccessDenied(), psutil.NoSuchProcess(1), OSError(22, "not now")])
def test_a_process_that_cannot_be_looked_at_is_nobodys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trouble: Exception
) -> None:
    """As those of other users are; root, who runs the tests in CI, may look at all of them."""

    def refuse(_: psutil.Process) -> None:
        raise trouble

    for question in ("environ", "cwd", "exe"):
        monkeypatch.setattr(psutil.Process, question, refuse)
    assert find_marked("one") == []
    assert find_servers_of(tmp_path) == []


def test_a_gentle_signal_is_enough_where_it_is_heard() -> None:
    with marked("five", "app") as process:
        end(lambda: find_marked("five"), gently=signal.SIGTERM, seconds=10)

        assert process.wait(timeout=30) == -signal.SIGTERM


def test_a_process_that_does_not_listen_is_killed_when_its_time_is_over() -> None:
    with marked("six", "app", STUBBORN) as process:
        found = find_marked("six")
        end(lambda: find_marked("six"), gently=signal.SIGTERM, seconds=0.2)

        assert not any(is_alive(one) for one in found)
        assert process.wait(timeout=30) == -signal.SIGKILL


def test_a_process_has_its_time_to_end_by_itself(tmp_path: Path) -> None:
    left = tmp_path / "left in order"
    lasting = (
        "import pathlib, signal, sys, time\n"
        f"def leave(*_): time.sleep(0.3); pathlib.Path({str(left)!r}).touch(); sys.exit(0)\n"
        f"signal.signal(signal.SIGTERM, leave); {SLEEP}"
    )
    with marked("seven", "app", lasting) as process:
        end(lambda: find_marked("seven"), gently=signal.SIGTERM, seconds=60)

        assert left.exists()
        assert process.wait(timeout=30) == 0


def test_processes_that_have_ended_already_are_no_trouble() -> None:
    with marked("eight", "app") as process:
        found = find_marked("eight")
        process.kill()
        process.wait()
        answers = iter([found, []])
        end(lambda: next(answers), gently=signal.SIGTERM, seconds=60)


class Waiting(psutil.Process):
    """As a process that waits for a disk: no signal reaches it."""

    def send_signal(self, sig: int) -> None:
        """Does nothing."""


def test_a_process_that_nothing_ends_is_left_when_its_time_is_over() -> None:
    with marked("ten", "app") as process:
        listed = iter([[Waiting(process.pid)]])
        end(lambda: next(listed), gently=signal.SIGTERM, seconds=0.05)
        assert process.poll() is None


def test_a_process_that_one_leaves_behind_while_it_is_ended_is_ended_too() -> None:
    """As initdb does: a shell that it began after the list was made outlives it, and empties the folder under us."""
    leaving = (
        "import signal, subprocess, sys\n"
        "def leave(*_):\n"
        f"    child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}], stdout=subprocess.PIPE)\n"
        "    child.stdout.readline(); sys.exit(0)\n"
        f"signal.signal(signal.SIGTERM, leave); {SLEEP}"
    )
    with marked("nine", "initdb", leaving):
        seen = []

        def find() -> list[psutil.Process]:
            seen.append(find_marked("nine"))
            return seen[-1]

        end(find, gently=signal.SIGTERM, seconds=60)

        first, second, last = seen
        assert len(first) == len(second) == 1
        assert first != second
        assert last == []
