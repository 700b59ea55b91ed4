"""What the database commands tell their reader: one line a step, and how they end."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, TextIO

from dashtam.errors import DashtamError

DONE: Final = 0


def done(step: str, **facts: object) -> None:
    """Say that a step is done: a tick, the step, and what is worth knowing as name=value."""
    _write(sys.stdout, "✓", step, facts)


def _write(stream: TextIO, sign: str, step: str, facts: dict[str, object]) -> None:
    shown = " ".join(f"{name}={_value(value)}" for name, value in facts.items() if value is not None)
    stream.write(f"{sign} {step}" + (f"  {shown}" if shown else "") + "\n")
    stream.flush()


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}s"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    text = str(value)
    return repr(text) if " " in text else text


def run(command: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run a command and answer its exit code: 0 done, 1 failed, 3 refused by a safety check.

    A `DashtamError` prints its message and ends with its `exit_code`; any other error keeps its traceback.
    """
    try:
        asyncio.run(command())
    except DashtamError as error:
        _write(sys.stderr, "✗", str(error), {})
        return error.exit_code
    return DONE
