"""How a verb ends when it does not end well, with its exit code and the next thing to do."""

from typing import ClassVar


class EnvironmentFailed(Exception):
    """A verb could not do its work; nothing was lost. `advice` is what to run or change next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, advice: str = "") -> None:
        self.advice = advice
        super().__init__(message)


class EnvironmentRefused(EnvironmentFailed):
    """A safety check said no; nothing was touched."""

    exit_code = 3
