"""Ctrl-C, SIGTERM and a closed terminal: all three end a verb in the same orderly way."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, NoReturn

_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """The developer, or the system, asked us to end."""


@contextlib.contextmanager
def raised_interrupts() -> Iterator[None]:
    """Turn the signals that end a process into `Interrupted`."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise Interrupted(signal.Signals(number).name)

    with _handled(end):
        yield


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Let what mends finish: signals that arrive meanwhile are passed over."""

    def pass_over(number: int, frame: FrameType | None) -> None:
        return

    # A handler, and not SIG_IGN, which children would inherit.
    with _handled(pass_over):
        yield


@contextlib.contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    # What nohup, or a shell's background, ignores for us stays ignored.
    ours = [number for number in _ENDINGS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, handler) for number in ours}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)
