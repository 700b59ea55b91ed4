"""Run a command inside a container on this terminal: its exit code, and our signals."""

import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from dashtam.devenv.components import Component
from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.engines.compose.command import inside
from dashtam.devenv.project.configuration import Configuration

_SIGNALLED = 128  # what a shell adds to the number of the signal that ended a command
# Docker hands no signal on to a command of `docker exec`, and forgets it when its client ends. So the command leaves
# its process id where a second `docker exec` finds it.
_RECORD = 'echo $$ >"$0" && exec "$@"'
_SIGNAL = 'read -r pid <"$1" && kill -s "$0" "$pid"'

Forward = Callable[[int], None]


def run_inside(
    client: Client,
    configuration: Configuration,
    component: Component,
    words: Sequence[str],
    *,
    interactive: bool,
) -> int:
    """Run words inside a running component; SIGINT and SIGTERM that reach us are sent to them there.

    On a terminal Ctrl-C travels as a character, and the terminal inside makes a signal of it.
    """
    record = f"/tmp/dashtam-{secrets.token_hex(8)}"  # noqa: S108 - of the container, whose /tmp is its own
    terminal, keep_input = _choose_input(interactive=interactive)
    options = [*(["--interactive"] if keep_input else []), *(["--tty"] if terminal else [])]
    command = inside(configuration, component, ["sh", "-c", _RECORD, record, *words], options=options)

    def forward(number: int) -> None:
        name = signal.Signals(number).name.removeprefix("SIG")
        client.ask(inside(configuration, component, ["sh", "-c", _SIGNAL, name, record]))

    return _run(command, client.environment(), terminal=terminal, keep_input=keep_input, forward=forward)


def run_beside(
    build: Callable[[Sequence[str]], list[str]], environment: Mapping[str, str], *, interactive: bool
) -> int:
    """Run what `build` makes of the options for a terminal; `docker compose run` hands signals on by itself."""
    terminal, keep_input = _choose_input(interactive=interactive)
    command = build(() if terminal else ("--no-TTY",))
    return _run(command, environment, terminal=terminal, keep_input=keep_input, forward=None)


def _choose_input(*, interactive: bool) -> tuple[bool, bool]:
    """Whether the command gets a terminal, and whether it gets our input at all.

    A terminal that only one of our two ends is connected to is no terminal for it.
    """
    typed, shown = sys.stdin.isatty(), sys.stdout.isatty()
    terminal = interactive and typed and shown
    return terminal, interactive and typed == terminal


def _run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    terminal: bool,
    keep_input: bool,
    forward: Forward | None,
) -> int:
    with (
        subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=None if keep_input else subprocess.DEVNULL,
            # Without a terminal inside, Ctrl-C must not end the client, which would leave the command to itself.
            process_group=None if terminal else 0,
        ) as process,
        _forwarding(forward or process.send_signal),
    ):
        code = process.wait()
    return code if code >= 0 else _SIGNALLED - code


@contextmanager
def _forwarding(forward: Forward) -> Iterator[None]:
    def handle(number: int, frame: FrameType | None) -> None:
        forward(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
