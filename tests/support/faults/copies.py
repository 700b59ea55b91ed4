"""Holds a server still in the middle of copying a database, which on its own is over within a moment."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import psutil

from tests.support.servers.clusters import wait_until

_COPYING: Final = "CREATE DATABASE"
_SECONDS: Final = 60


class HeldCopy:
    """PostgreSQL's process that copies a database, stopped with some of the files copied and others not."""

    def __init__(self, processes: Callable[[], Iterable[psutil.Process]]) -> None:
        """Wait for the copy, and stop it.

        `processes` answers those among which the server's are.

        Raises:
            AssertionError: the copy was over before it could be stopped.
            TimeoutError: there was none.
        """
        before = _folders_of(_find(processes))
        wait_until(lambda: _search(processes, _COPYING) is not None, "a database is copied", seconds=_SECONDS)
        self._process = _find(processes, _COPYING)
        self._process.suspend()
        while not (copied := self._copied(before)):
            self._process.resume()
            time.sleep(0.001)  # the only way to let a process go on a little
            self._process.suspend()
        self.copied = copied
        if _COPYING not in _title_of(self._process):
            self.resume()
            raise AssertionError("the copy was over before it could be stopped")

    def _copied(self, before: dict[str, int]) -> int:
        """How many files the new folder holds."""
        return sum(count for name, count in _folders_of(self._process).items() if name not in before)

    def resume(self) -> None:
        """Let it go on where it was not killed meanwhile."""
        if self._process.is_running():
            self._process.resume()


def _folders_of(server: psutil.Process) -> dict[str, int]:
    """How many files each database's folder of a server has, through its own eyes: it may be in a container."""
    base = Path(f"/proc/{server.pid}/cwd/base")
    return {folder.name: len([*folder.iterdir()]) for folder in base.iterdir()}


def _find(processes: Callable[[], Iterable[psutil.Process]], doing: str = "") -> psutil.Process:
    found = _search(processes, doing)
    assert found is not None, f"PostgreSQL does not run, or not this: {doing}"
    return found


def _search(processes: Callable[[], Iterable[psutil.Process]], doing: str = "") -> psutil.Process | None:
    """One of PostgreSQL's processes, which tell in their titles what they do."""
    titles = ((process, _title_of(process)) for process in processes())
    return next(
        (process for process, title in titles if title.startswith("postgres") and doing in title), None
    )


def _title_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
