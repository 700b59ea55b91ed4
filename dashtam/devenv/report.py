"""What the verbs say: one line a step with its time, tables, and a last line that tells what to do next."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Final, TextIO

_GREEN: Final = "32"
_RED: Final = "31"
_YELLOW: Final = "33"
_DIM: Final = "2"


class Report:
    """Writes for people: colour and a running line on a terminal, plain finished lines in a CI log."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step while it is at work, then that it is done or failed, with the seconds it took."""
        begun = time.monotonic()
        running = self._out.isatty()
        if running:
            self._write(self._out, self._paint(f"… {name}", _DIM, self._out), end="\r")
        try:
            yield
        except BaseException:
            self._finish("✗", _RED, name, begun, running=running)
            raise
        self._finish("✓", _GREEN, name, begun, running=running)

    @contextlib.contextmanager
    def chapter(self, name: str) -> Iterator[None]:
        """Announce a step that prints lines of its own, and say how long it took."""
        begun = time.monotonic()
        self._write(self._out, f"• {name}")
        try:
            yield
        except BaseException:
            self._finish("✗", _RED, name, begun, running=False)
            raise
        self._finish("✓", _GREEN, name, begun, running=False)

    def say(self, line: str) -> None:
        """Print a line."""
        self._write(self._out, line)

    def ask(self, question: str) -> str:
        """What somebody on the terminal types behind a question; empty where they end the input instead."""
        self._write(self._out, question, end=" ")
        return sys.stdin.readline().strip()

    def warn(self, line: str) -> None:
        """Print what a developer should notice."""
        self._write(self._err, self._paint(f"! {line}", _YELLOW, self._err))

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print columns as wide as their widest cell."""
        widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
        for row in (headings, *rows):
            cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            self._write(self._out, "  ".join(cells).rstrip())

    def fail(self, message: str, advice: str) -> None:
        """Print why a verb did not do its work and, as the last line, what to run next."""
        self._write(self._err, self._paint("✗ ", _RED, self._err) + message)
        if advice:
            self._write(self._err, f"→ {advice}")

    def _finish(self, sign: str, colour: str, name: str, begun: float, *, running: bool) -> None:
        seconds = f"{time.monotonic() - begun:.1f}s"
        erased = "\x1b[2K" if running else ""
        line = f"{self._paint(sign, colour, self._out)} {name}  {self._paint(seconds, _DIM, self._out)}"
        self._write(self._out, erased + line)

    @staticmethod
    def _paint(text: str, colour: str, stream: TextIO) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if stream.isatty() else text

    @staticmethod
    def _write(stream: TextIO, text: str, *, end: str = "\n") -> None:
        # What children print goes to the same place, so nothing may wait in a buffer.
        print(text, end=end, file=stream, flush=True)
