"""The reloader keeps a server running with the newest code, and takes it along when it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

RELOADER = """
import sys
from pathlib import Path
from dashtam.devenv.engines import reload
reload.run(sys.argv[2:], Path(sys.argv[1]))
"""
# Writes a line at each start, and starts a child that would outlive it.
SERVER = """
import os, signal, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import code_under_edit
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
with Path(sys.argv[2]).open("a") as journal:
    journal.write(f"{code_under_edit.VERSION} {os.getpid()} {child.pid}\\n")
signal.pause()
"""


class Reloader:
    def __init__(self, process: subprocess.Popen[bytes], code: Path, journal: Path) -> None:
        self.process = process
        self.code = code / "code_under_edit.py"
        self.journal = journal

    def starts(self) -> list[tuple[str, int, int]]:
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        return [(version, int(pid), int(child)) for version, pid, child in map(str.split, lines)]

    def edit(self, text: str) -> None:
        self.code.write_text(text)

    def wait_for_start(self, number: int) -> tuple[str, int, int]:
        eventually(lambda: len(self.starts()) >= number, f"start number {number}")
        return self.starts()[number - 1]


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"never saw: {what}"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def reloading(folder: Path) -> Iterator[Reloader]:
    code, journal = folder / "code", folder / "journal"
    code.mkdir()
    (folder / "server.py").write_text(SERVER)
    (code / "code_under_edit.py").write_text("VERSION = 'first'")
    server = [sys.executable, "-B", str(folder / "server.py"), str(code), str(journal)]
    with subprocess.Popen(
        [sys.executable, "-c", RELOADER, str(code), *server], stderr=subprocess.DEVNULL
    ) as process:
        reloader = Reloader(process, code, journal)
        try:
            yield reloader
        finally:
            process.kill()
            for _, pid, child in reloader.starts():
                for left in (pid, child):
                    if not gone(left):
                        os.kill(left, signal.SIGKILL)


@pytest.fixture(name="reloader")
def _reloader(tmp_path: Path) -> Iterator[Reloader]:
    with reloading(tmp_path) as reloader:
        yield reloader


def test_an_edit_restarts_the_server_and_ends_everything_that_it_started(reloader: Reloader) -> None:
    _, pid, child = reloader.wait_for_start(1)

    reloader.edit("VERSION = 'second'")

    assert reloader.wait_for_start(2)[0] == "second"
    eventually(lambda: gone(pid) and gone(child), "the end of the first server and its child")


def test_a_syntax_error_does_not_end_the_server_for_good(reloader: Reloader) -> None:
    _, pid, _ = reloader.wait_for_start(1)
    reloader.edit("VERSION = = broken")
    eventually(lambda: gone(pid), "the end of the first server")

    reloader.edit("VERSION = 'mended'")

    assert reloader.wait_for_start(2)[0] == "mended"
    assert reloader.process.poll() is None


def test_a_server_that_ends_by_itself_is_started_again(reloader: Reloader) -> None:
    _, pid, child = reloader.wait_for_start(1)

    os.kill(pid, signal.SIGKILL)

    reloader.wait_for_start(2)
    eventually(lambda: gone(child), "the end of the first server's child")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_its_reloader(reloader: Reloader, number: signal.Signals) -> None:
    _, pid, child = reloader.wait_for_start(1)

    reloader.process.send_signal(number)

    assert reloader.process.wait(30) == 0
    assert gone(pid)
    # Whom a signal hits ends in its own time.
    eventually(lambda: gone(child), "the end of the server's child")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_reloader_takes_its_server_along(reloader: Reloader) -> None:
    _, pid, _ = reloader.wait_for_start(1)

    reloader.process.kill()

    eventually(lambda: gone(pid), "the end of the server")


@pytest.mark.parametrize("arguments", [[], ["--"], ["hypercorn"]])
def test_a_command_is_expected(arguments: list[str]) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "dashtam.devenv.engines.reload", *arguments], capture_output=True
    )

    assert answer.returncode == 2
    assert b"usage" in answer.stderr
