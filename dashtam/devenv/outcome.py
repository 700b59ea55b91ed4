"""How a verb ends: an exit code, and for whatever went wrong a sentence with the next thing to do."""

import errno
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec

from dashtam.devenv.errors import EnvironmentFailed
from dashtam.devenv.interrupts import raised_interrupts
from dashtam.devenv.report import Report

P = ParamSpec("P")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_CLOSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def verb(sequence: Callable[Concatenate[Report, P], int | None]) -> Callable[P, int]:
    """Make a verb of a sequence: it answers 0 done, 1 failed, 2 usage, 3 refused, or the code of what it ran."""

    @wraps(sequence)
    def perform(*arguments: P.args, **options: P.kwargs) -> int:
        report = Report()
        try:
            with raised_interrupts():
                return sequence(report, *arguments, **options) or 0
        except EnvironmentFailed as failure:
            report.fail(str(failure), failure.advice)
            return failure.exit_code
        except KeyboardInterrupt:
            report.fail(
                "interrupted; nothing was lost",
                "invoke status shows what runs; the same verb goes on from here",
            )
            return EnvironmentFailed.exit_code
        except BrokenPipeError:  # whoever read our output has ended, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EnvironmentFailed.exit_code
        except OSError as error:
            report.fail(*explain(error))
            return EnvironmentFailed.exit_code

    return perform


def explain(error: OSError) -> tuple[str, str]:
    """Say what an error of the operating system means here, and what to do about it."""
    place = error.filename or "the data folder"
    if error.errno in _FULL:
        return f"{place}: no space left on the device; nothing was lost", "df -h, make room, then try again"
    if error.errno in _CLOSED:
        return (
            f"{place}: {error.strerror}",
            f"make {place} writable, or point DASHTAM_HOME to a folder that is",
        )
    return f"{place}: {error.strerror or error}", "invoke doctor"
