"""Print the components' log files as one, in the order of time, and follow them through rotation."""

import heapq
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from dashtam.devenv.components import Component

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?")
_LOOK_WITHIN = 400  # characters of a line in which its time stands
_PAUSE_SECONDS = 0.2
_WIDTH = max(len(component) for component in Component)
_COLOURS = {
    Component.POSTGRES: "34",
    Component.REDIS: "31",
    Component.APP: "32",
    Component.CALLBACK: "35",
    Component.REFRESHER: "36",
}


def read_time(line: str) -> datetime | None:
    """Find the time in a line of PostgreSQL, Valkey, hypercorn or the application; UTC where it names no zone."""
    match = _TIME.search(line[:_LOOK_WITHIN])
    if match is None:
        return None
    text = re.sub(r" ?(Z|UTC)$", "+00:00", match.group().replace(",", "."))
    text = re.sub(r" ([+-])", r"\1", text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log, from the file before its rotation too; none where it was never written."""
    lines: deque[str] = deque(maxlen=count)
    for file in (path.with_name(f"{path.name}.1"), path):
        try:
            with file.open(encoding="utf-8", errors="replace") as text:
                lines.extend(line.rstrip("\n") for line in text)
        except FileNotFoundError:
            continue
    return list(lines)


def merge(lines: Mapping[Component, Iterable[str]]) -> Iterator[tuple[Component, str]]:
    """Put several logs in the order of time; a line without one (a traceback) stays behind the line above it."""
    streams = [_timed(component, log) for component, log in lines.items()]
    for _, component, line in heapq.merge(*streams, key=lambda entry: entry[0]):
        yield component, line


def _timed(component: Component, lines: Iterable[str]) -> Iterator[tuple[datetime, Component, str]]:
    latest = datetime.min.replace(tzinfo=UTC)
    for line in lines:
        latest = max(latest, read_time(line) or latest)
        yield latest, component, line


class Follower:
    """Reads what is appended to a log file, over its rotation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        self._open(at_end=True)

    def read_new(self) -> list[str]:
        """The whole lines that came since the last call."""
        lines = self._read()
        if self._was_rotated():
            lines += self._read()  # what was written between the last read and the rotation
            self._open(at_end=False)
            lines += self._read()
        return lines

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, *, at_end: bool) -> None:
        self.close()
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            return
        if at_end:
            self._file.seek(0, 2)

    def _read(self) -> list[str]:
        if self._file is None:
            return []
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        return [line.decode("utf-8", errors="replace") for line in lines]

    def _was_rotated(self) -> bool:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        if self._file is None:
            return True
        held = self._file
        return now.st_size < held.tell() or now.st_ino != Path(f"/dev/fd/{held.fileno()}").stat().st_ino


def print_logs(files: Mapping[Component, Path], *, follow: bool, tail: int) -> None:
    """Print the last `tail` lines of each log, merged; then, if asked, what follows, until Ctrl-C."""
    followers = {component: Follower(path) for component, path in files.items()} if follow else {}
    for component, line in merge({name: last_lines(path, tail) for name, path in files.items()}):
        _print(component, line)
    try:
        while followers:
            fresh = {component: follower.read_new() for component, follower in followers.items()}
            for component, line in merge(fresh):
                _print(component, line)
            time.sleep(_PAUSE_SECONDS)
    except KeyboardInterrupt:
        return
    finally:
        for follower in followers.values():
            follower.close()


def _print(component: Component, line: str) -> None:
    import sys

    name = f"{component:<{_WIDTH}}"
    if sys.stdout.isatty():
        name = f"\x1b[{_COLOURS[component]}m{name}\x1b[0m"
    print(f"{name} | {line}", flush=True)
