"""Processes are found by the mark that they carry, and ended gently, then firmly."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dashtam.devenv.embedded.identity import (
    COMPONENT,
    INSTANCE,
    end,
    find_marked,
    find_servers_of,
    is_alive,
    read_environment,
)

CHECKOUT = Path(__file__).resolve().parents[4]

SLEEP = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


@contextmanager
def marked(instance: str, component: str, code: str = SLEEP) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={INSTANCE: instance, COMPONENT: component},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_only_the_processes_of_an_instance_and_component_are_found() -> None:
    with ExitStack() as stack:
        wanted = stack.enter_context(marked("one", "app"))
        other = stack.enter_context(marked("one", "callback"))
        stack.enter_context(marked("two", "app"))

        assert [process.pid for process in find_marked("one", "app")] == [wanted.pid]
        assert {process.pid for process in find_marked("one")} == {wanted.pid, other.pid}


def test_a_process_never_finds_itself() -> None:
    code = "from dashtam.devenv.embedded.identity import find_marked; print(len(find_marked('three')))"
    answer = subprocess.run(
        [sys.executable, "-c", code], env={INSTANCE: "three"}, cwd=CHECKOUT, capture_output=True, text=True
    )
    assert answer.stdout == "0\n", answer.stderr


def test_the_servers_of_a_cluster_are_programs_called_postgres_that_work_in_it(tmp_path: Path) -> None:
    cluster, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for folder in (cluster, elsewhere):
        folder.mkdir()
    postgres, other = tmp_path / "postgres", tmp_path / "other"
    for program in (postgres, other):
        shutil.copy(shutil.which("sleep") or "sleep", program)
    with ExitStack() as stack:

        def start(program: Path, folder: Path) -> int:
            process = stack.enter_context(subprocess.Popen([str(program), "60"], cwd=folder))
            stack.callback(process.kill)
            return process.pid

        server = start(postgres, cluster)
        start(other, cluster)
        start(postgres, elsewhere)
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


def test_a_gentle_signal_is_enough_where_it_is_heard() -> None:
    with marked("five", "app") as process:
        end(find_marked("five"), gently=signal.SIGTERM, seconds=10)

        assert process.wait(timeout=30) == -signal.SIGTERM


def test_a_process_that_does_not_listen_is_killed_when_its_time_is_over() -> None:
    with marked("six", "app", STUBBORN) as process:
        end(find_marked("six"), gently=signal.SIGTERM, seconds=0.2)

        assert process.wait(timeout=30) == -signal.SIGKILL
