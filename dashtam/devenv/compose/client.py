"""Run the Docker client: quietly for an answer, or on this terminal so that its progress is seen."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashtam.devenv.errors import EnvironmentFailed

_ANSWER_SECONDS = 60.0
_LAST_LINES = 15


@dataclass(frozen=True)
class Answer:
    """What the client said."""

    code: int
    output: str
    complaint: str

    @property
    def last_lines(self) -> str:
        """The end of what it said, complaints last."""
        lines = [line for line in f"{self.output}\n{self.complaint}".splitlines() if line.strip()]
        return "\n".join(lines[-_LAST_LINES:])


class Client:
    """The Docker client with the one environment that it is allowed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The client's environment, with more variables for one command."""
        return {**self._environment, **(more or {})}

    def ask(
        self,
        command: Sequence[str],
        *,
        more: Mapping[str, str] | None = None,
        seconds: float | None = _ANSWER_SECONDS,
    ) -> Answer:
        """Run a command quietly.

        Raises:
            EnvironmentFailed: there is no Docker client, or no answer within `seconds`.
        """
        try:
            result = subprocess.run(
                list(command),
                env=self.environment(more),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=seconds,
            )
        except FileNotFoundError as error:
            raise EnvironmentFailed("there is no program `docker` here", advice=NO_CLIENT) from error
        except subprocess.TimeoutExpired as error:
            raise EnvironmentFailed(
                f"`{_shown(command)}` did not answer within {error.timeout:g} seconds",
                advice="docker info",
            ) from error
        return Answer(
            result.returncode,
            result.stdout.decode(errors="replace"),
            result.stderr.decode(errors="replace"),
        )

    def tell(
        self,
        command: Sequence[str],
        *,
        more: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> str:
        """Run a command quietly; its output.

        Raises:
            EnvironmentFailed: it ended with another exit code than 0; holds what it said last.
        """
        answer = self.ask(command, more=more, seconds=seconds)
        if answer.code != 0:
            raise EnvironmentFailed(f"`{_shown(command)}` ended with {answer.code}:\n{answer.last_lines}")
        return answer.output

    def show(self, command: Sequence[str], *, more: Mapping[str, str] | None = None) -> int:
        """Run a command whose progress belongs on this terminal; its exit code. It cannot ask anything back."""
        return subprocess.run(
            list(command), env=self.environment(more), stdin=subprocess.DEVNULL, check=False
        ).returncode


NO_CLIENT = "install Docker with Docker Compose 2.24 or newer, or use `--engine embedded`"


def _shown(command: Sequence[str]) -> str:
    """The verb of a command: enough to know it by, and never a value."""
    words = list(command)
    if words[:2] == ["docker", "compose"]:
        options = [place for place, word in enumerate(words) if word in {"--file", "--env-file"}]
        words = ["docker", "compose", *words[max(options, default=0) + 2 :]]
    return " ".join(words[:4])
