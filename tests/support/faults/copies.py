"""Stops a server in the middle of copying a database, which normally takes only a moment."""

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

        `processes` returns a list that includes the server's processes.

        Raises:
            AssertionError: the copy was over before it could be stopped.
            TimeoutError: no copy began.
        """
        before = _folders_of(_find(processes))
        wait_until(lambda: _search(processes, _COPYING) is not None, "a database is copied", seconds=_SECONDS)
        self._process = _find(processes, _COPYING)
        self._process.suspend()
        while not (copied := self._copied(before)):
            self._process.resume()
            time.sleep(0.001)  # the only way to let a process continue for a moment
            self._process.suspend()
        self.copied = copied
        if _COPYING not in _title_of(self._process):
            self.resume()
            raise AssertionError("the copy was over before it could be stopped")

    def _copied(self, before: dict[str, int]) -> int:
        """Return the number of files in the new folder."""
        return sum(count for name, count in _folders_of(self._process).items() if name not in before)

    def resume(self) -> None:
        """Continue the process, if it was not killed meanwhile."""
        if self._process.is_running():
            self._process.resume()


def _folders_of(server: psutil.Process) -> dict[str, int]:
    """Return the number of files in each database's folder, through /proc, because the server may be in a container."""
    base = Path(f"/proc/{server.pid}/cwd/base")
    return {folder.name: len([*folder.iterdir()]) for folder in base.iterdir()}


def _find(processes: Callable[[], Iterable[psutil.Process]], doing: str = "") -> psutil.Process:
    found = _search(processes, doing)
    assert found is not None, f"no process of PostgreSQL has the title {doing!r}"
    return found


def _search(processes: Callable[[], Iterable[psutil.Process]], doing: str = "") -> psutil.Process | None:
    """Return a PostgreSQL process whose title says that it does `doing`; None if there is none."""
    titles = ((process, _title_of(process)) for process in processes())
    return next(
        (process for process, title in titles if title.startswith("postgres") and doing in title), None
    )


def _title_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
