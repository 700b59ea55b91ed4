"""Run the Docker client: quietly for an answer, or on this terminal so that its progress is seen."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from dashtam.devenv.errors import EnvironmentFailed

NO_CLIENT: Final = "install Docker with Docker Compose 2.24 or newer, or use `--engine embedded`"
START_DOCKER: Final = "start Docker (on Linux: sudo systemctl start docker), then run the same again"
_NOBODY: Final = ("cannot connect to the docker daemon", "failed to connect to the docker api")
_VERSION: Final = ("docker", "version")  # of the engine as well, if there is one
_LOST: Final = 255  # how `docker exec` ends, without a word, where the connection to the engine broke
_ANSWER_SECONDS: Final = 60.0
_FAREWELL_SECONDS: Final = 10.0
_LAST_LINES: Final = 15


@dataclass(frozen=True)
class Output:
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
    ) -> Output:
        """Run a command quietly.

        Raises:
            EnvironmentFailed: there is no Docker client, no Docker engine any more, or no answer within `seconds`.
        """
        answer = self._answer(command, more, seconds)
        if answer.code != 0 and any(words in answer.complaint.lower() for words in _NOBODY):
            host = self._environment.get("DOCKER_HOST", "its address")
            raise EnvironmentFailed(
                f"no Docker engine answers at {host}:\n{answer.complaint.strip()}", advice=START_DOCKER
            )
        if answer.code == _LOST and command != _VERSION:
            self.require_engine()
        return answer

    def require_engine(self) -> None:
        """Tell an engine that went away under a command from whatever the command may end with.

        Raises:
            EnvironmentFailed: no Docker engine answers any more.
        """
        self.ask(_VERSION)

    def tell(
        self,
        command: Sequence[str],
        *,
        more: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> str:
        """Run a command quietly; its output.

        Raises:
            EnvironmentFailed: it ended with another exit code than 0, and what it said last, or no engine is there.
        """
        answer = self.ask(command, more=more, seconds=seconds)
        if answer.code != 0:
            self.require_engine()
            raise EnvironmentFailed(
                f"`{_shown(command)}` ended with {answer.code}:\n{answer.last_lines}", advice="invoke doctor"
            )
        return answer.output

    def show(self, command: Sequence[str], *, more: Mapping[str, str] | None = None) -> int:
        """Run a command whose progress belongs on this terminal; its exit code. It cannot ask anything back."""
        process = self._open(command, more)
        with process, _ended_with_us(process):
            return process.wait()

    def _answer(
        self, command: Sequence[str], more: Mapping[str, str] | None, seconds: float | None
    ) -> Output:
        process = self._open(command, more, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process, _ended_with_us(process):
            try:
                output, complaint = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired as error:
                raise EnvironmentFailed(
                    f"`{_shown(command)}` did not answer within {error.timeout:g} seconds",
                    advice="docker info",
                ) from error
        return Output(process.returncode, output.decode(errors="replace"), complaint.decode(errors="replace"))

    def _open(
        self,
        command: Sequence[str],
        more: Mapping[str, str] | None,
        *,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                list(command),
                env=self.environment(more),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                process_group=0,  # Ctrl-C is ours: a second one must not cut short what we stop after the first
            )
        except FileNotFoundError as error:
            raise EnvironmentFailed("there is no program `docker` here", advice=NO_CLIENT) from error


@contextmanager
def _ended_with_us(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """End the client, with the plugins that it started, when something takes us away from it."""
    try:
        yield
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        raise


def _shown(command: Sequence[str]) -> str:
    """The verb of a command: enough to know it by, and never a value."""
    words = list(command)
    if words[:2] == ["docker", "compose"]:
        options = [place for place, word in enumerate(words) if word in {"--file", "--env-file"}]
        words = ["docker", "compose", *words[max(options, default=0) + 2 :]]
    return " ".join(words[:4])
