"""How a verb ends when it does not end well, with its exit code and the next thing to do."""

from collections.abc import Sequence
from typing import ClassVar


class EnvironmentFailed(Exception):
    """A verb could not do its work; nothing was lost. `advice` is what to run or change next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, advice: str = "") -> None:
        self.advice = advice
        super().__init__(message)


class EnvironmentMisused(EnvironmentFailed):
    """What was typed, or what stands in an env file or in a variable of the shell, cannot be understood."""

    exit_code = 2


class EnvironmentRefused(EnvironmentFailed):
    """A safety check said no; nothing was touched."""

    exit_code = 3


def failure_of(exit_code: int) -> type[EnvironmentFailed]:
    """The failure of a script or module of ours, all of which end with 3 where a safety check said no."""
    return EnvironmentRefused if exit_code == EnvironmentRefused.exit_code else EnvironmentFailed


def list_problems(headline: str, problems: Sequence[str]) -> str:
    """Build a message that shows every problem at once, one to a line."""
    return "\n".join([f"{headline}:", *(f"  - {problem}" for problem in problems)])
