"""Run a server and restart it when the code changes: `python -m dashtam.devenv.engines.reload -- hypercorn ...`.

Hypercorn's own --reload ends for good, with exit code 0, on a syntax error; here the mended edit brings it back.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from watchfiles import Change, PythonFilter, watch

from dashtam.devenv.engines.tether import tethered

_CODE = Path(__file__).resolve().parents[2]
_LOOK_MILLISECONDS = 200  # how soon the end of the server is noticed
_DEBOUNCE_MILLISECONDS = 300
STOP_SECONDS = 20.0
"""How long a server has to end by itself: less than Supervisor and Docker give us."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_SETTLED_SECONDS = 10.0  # a server that ran this long was well: its next end is a new story


class Server:
    """One server process with everything that it starts, in a process group of its own."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tethered(list(command))
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._restart_at = 0.0
        self._pause = _FIRST_PAUSE

    def start(self) -> None:
        """Start the server."""
        self._process = subprocess.Popen(self._command, start_new_session=True)
        self._started_at = time.monotonic()

    def stop(self) -> None:
        """End the server gently, then firmly, with whatever it started."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _say(f"did not stop within {STOP_SECONDS:g} seconds, killing it")
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def reload(self) -> None:
        """Stop and start at once; the code changed, so an earlier failure says nothing about this start."""
        self.stop()
        self._pause = _FIRST_PAUSE
        self.start()

    def revive(self) -> None:
        """Start the server again after it ended by itself, later each time that it ends early."""
        now = time.monotonic()
        if self._process is not None and (code := self._process.poll()) is not None:
            self.stop()
            if now - self._started_at > _SETTLED_SECONDS:
                self._pause = _FIRST_PAUSE
            self._restart_at = now + self._pause
            _say(f"the server ended with {code}; again in {self._pause:g} seconds, or at the next edit")
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        elif self._process is None and now >= self._restart_at:
            self.start()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:  # nobody of the group is left
                return


def run(command: Sequence[str], code: Path = _CODE) -> None:
    """Keep a server running with the newest code until SIGTERM or SIGINT."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server = Server(command)
    server.start()
    try:
        for changes in watch(
            code,
            watch_filter=PythonFilter(),
            debounce=_DEBOUNCE_MILLISECONDS,
            stop_event=stopping,
            rust_timeout=_LOOK_MILLISECONDS,
            yield_on_timeout=True,
        ):
            if changes:
                _say(f"{_describe(changes)} changed, restarting")
                server.reload()
            else:
                server.revive()
    finally:
        server.stop()


def _describe(changes: set[tuple[Change, str]]) -> str:
    names = sorted(Path(path).name for _, path in changes)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _say(message: str) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f"{now} reload: {message}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Read `-- command ...`; exit code 2 without a command."""
    if arguments[:1] != ["--"] or len(arguments) < 2:
        print("usage: python -m dashtam.devenv.engines.reload -- command ...", file=sys.stderr)
        return 2
    run(arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
