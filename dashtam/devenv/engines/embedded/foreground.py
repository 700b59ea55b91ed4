"""Run a command on this terminal as if it ran alone: its signals, its exit code."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from dashtam.devenv.errors import EnvironmentFailed

_SIGNALLED = 128  # what a shell adds to the number of the signal that ended a command


def run_in_foreground(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, *, keep_input: bool
) -> int:
    """Run a command and answer its exit code; Ctrl-C and SIGTERM end the command, and then us."""
    with _signals_handed_on() as receivers:
        process = subprocess.Popen(
            _resolved(command, environment),
            env=dict(environment),
            cwd=folder,
            stdin=None if keep_input else subprocess.DEVNULL,
        )
        receivers.append(process)
        code = process.wait()
    return code if code >= 0 else _SIGNALLED - code


def capture(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> str:
    """Run a command and answer its output.

    Raises:
        EnvironmentFailed: it ended with another exit code than 0; holds what it said.
    """
    answer = subprocess.run(
        _resolved(command, environment),
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        said = "\n".join(part.strip() for part in (answer.stdout, answer.stderr) if part.strip())
        raise EnvironmentFailed(f"{' '.join(command)} ended with {answer.returncode}:\n{said}")
    return answer.stdout


def _resolved(command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    # Popen would look the program up in our own PATH, not in the one that the command gets.
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise EnvironmentFailed(f"no program {command[0]!r} in {environment['PATH']}")
    return [program, *command[1:]]


@contextmanager
def _signals_handed_on() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Hand SIGTERM and SIGINT on, except the Ctrl-C that a terminal sends to the command as well."""
    receivers: list[subprocess.Popen[bytes]] = []

    def hand_on(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and sys.stdin.isatty():
            return
        for process in receivers:
            process.send_signal(number)

    # Handlers, and not SIG_IGN, which the command would inherit.
    previous = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield receivers
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
