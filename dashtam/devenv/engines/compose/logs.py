"""Print the containers' log lines as one, in the order of time, and follow them."""

import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from dashtam.devenv.components import Component
from dashtam.devenv.engines.compose.client import Client

_COLOURS = {
    Component.POSTGRES: "34",
    Component.REDIS: "31",
    Component.APP: "32",
    Component.CALLBACK: "35",
    Component.REFRESHER: "36",
}
_WIDTH = max(len(component) for component in Component)


@dataclass(frozen=True, order=True)
class Line:
    """One line of a log, with Docker's own time of it (RFC 3339 in UTC, so that text sorts as time does)."""

    time: str
    component: Component = field(compare=False)
    text: str = field(compare=False)


def read_line(component: Component, raw: bytes) -> Line:
    """Take a line of `docker logs --timestamps` apart."""
    time, _, text = raw.decode("utf-8", errors="replace").rstrip("\n").partition(" ")
    return Line(time, component, text)


def last_lines(client: Client, component: Component, container: str, count: int) -> list[Line]:
    """The last lines of a container; none where there is no container."""
    command = ["docker", "logs", "--timestamps", "--tail", str(count), container]
    result = subprocess.run(
        command,
        env=client.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # what the container wrote there; both streams are its log
        check=False,
    )
    if result.returncode != 0:
        return []
    return sorted(read_line(component, raw) for raw in result.stdout.splitlines())


def print_logs(client: Client, containers: Mapping[Component, str], *, follow: bool, tail: int) -> None:
    """Print the last `tail` lines of each container, merged; then, if asked, what follows, until Ctrl-C."""
    logs = {name: last_lines(client, name, container, tail) for name, container in containers.items()}
    for line in sorted(line for lines in logs.values() for line in lines):
        _print(line)
    if follow:
        seen = {name: lines[-1].time if lines else "" for name, lines in logs.items()}
        _follow(client, containers, seen)


def _follow(client: Client, containers: Mapping[Component, str], seen: Mapping[Component, str]) -> None:
    lines: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
    followers = [_start_follower(client, name, containers[name], seen[name], lines) for name in containers]
    open_logs = len(followers)
    try:
        while open_logs:
            line = lines.get()
            if line is None:
                open_logs -= 1
            else:
                _print(line)
    except KeyboardInterrupt:
        return
    finally:
        for follower in followers:
            follower.terminate()
            follower.wait()


def _start_follower(
    client: Client, component: Component, container: str, since: str, lines: "queue.SimpleQueue[Line | None]"
) -> subprocess.Popen[bytes]:
    begin = ["--since", since] if since else ["--tail", "0"]
    process = subprocess.Popen(
        ["docker", "logs", "--timestamps", "--follow", *begin, container],
        env=client.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is ours; we end it
    )

    def read(stream: BinaryIO) -> None:
        with stream:
            for line in (read_line(component, raw) for raw in stream):
                if line.time > since:  # `--since` includes the line that we know
                    lines.put(line)
        lines.put(None)

    threading.Thread(target=read, args=(process.stdout,), daemon=True).start()
    return process


def _print(line: Line) -> None:
    name = f"{line.component:<{_WIDTH}}"
    if sys.stdout.isatty():
        name = f"\x1b[{_COLOURS[line.component]}m{name}\x1b[0m"
    print(f"{name} | {line.text}", flush=True)
