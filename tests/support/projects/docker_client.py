"""A `docker` program that writes down how it was called and answers what the test told it to.

With `exec` it runs the command here, as Docker would inside the container.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dashtam.devenv.engines.compose.client import Client, Output

_PROGRAM: Final = f"""#!{sys.executable}
import json, os, pathlib, sys
here = pathlib.Path({{folder!r}})
words = sys.argv[1:]
stdin = "" if words[0] == "exec" else os.read(0, 9).decode()
call = {{{{"words": words, "environment": dict(os.environ), "stdin": stdin}}}}
with (here / "calls").open("a") as calls:
    print(json.dumps(call), file=calls)
answers = json.loads((here / "answers").read_text())
def holds(some):
    return any(words[place : place + len(some)] == some for place in range(len(words)))
for answer in reversed(answers):
    if holds(answer["words"]):
        sys.stdout.write(answer["output"])
        sys.stderr.write(answer["complaint"])
        sys.exit(answer["code"])
if words[0] == "exec":
    container = next(place for place, word in enumerate(words) if word.startswith("throwaway-"))
    os.execvp(words[container + 1], words[container + 1 :])
sys.exit(f"unexpected: docker {{{{' '.join(words)}}}}")
"""
INSPECT_ENDPOINT: Final = ("context", "inspect")
INSPECT_CONTAINERS: Final = ("container", "inspect")


@dataclass(frozen=True)
class Call:
    """One call of the program."""

    words: list[str]
    environment: dict[str, str]
    stdin: str


class DockerClient:
    """The program, in a folder that the test puts first in PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._answers: list[dict[str, Any]] = []
        program = folder / "docker"
        program.write_text(_PROGRAM.format(folder=str(folder)), encoding="utf-8")
        program.chmod(0o755)
        (folder / "calls").touch()
        self.answer(INSPECT_ENDPOINT, "unix:///var/run/docker.sock\n")
        self.answer(("compose", "version"), "5.6.1\n")
        self.answer(("info",), '["name=seccomp,profile=default"]\n')
        self.answer(("ps", "--all"))
        self.answer(INSPECT_CONTAINERS, "[]", complaint="Error: No such container", code=1)
        self.answer(("image", "inspect"), "\n")
        self.answer(("volume", "inspect"), "[]", complaint="no such volume", code=1)

    def answer(self, words: Sequence[str], output: str = "", *, complaint: str = "", code: int = 0) -> None:
        """Answer calls with these words, one after the other, so; later answers win."""
        entry = {"words": list(words), "output": output, "complaint": complaint, "code": code}
        self._answers.append(entry)
        (self.folder / "answers").write_text(json.dumps(self._answers), encoding="utf-8")

    def calls(self, *words: str) -> list[Call]:
        """The calls with these words in a row, in order; all of them without words."""
        lines = (self.folder / "calls").read_text(encoding="utf-8").splitlines()
        calls = [Call(**json.loads(line)) for line in lines]
        return [
            call
            for call in calls
            if not words
            or any(tuple(call.words[place : place + len(words)]) == words for place in range(len(call.words)))
        ]

    @property
    def path(self) -> str:
        """PATH with the program first."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"


class RecordingClient(Client):
    """The client for what needs no program: it writes down what it is to run, and answers what the test told it to."""

    def __init__(self) -> None:
        super().__init__({})
        self.calls: list[list[str]] = []
        self._answers: list[tuple[tuple[str, ...], Output]] = []

    def answer(self, words: Sequence[str], output: str = "", *, complaint: str = "", code: int = 0) -> None:
        """Answer commands that begin with these words, after `docker`, so; later answers win."""
        self._answers.insert(0, (tuple(words), Output(code, output, complaint)))

    def ask(
        self,
        command: Sequence[str],
        *,
        more: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Output:
        """Answer what the test told it to; nothing, where it told it nothing."""
        self.calls.append(list(command))
        words = tuple(command[1:])
        found = (answer for beginning, answer in self._answers if words[: len(beginning)] == beginning)
        return next(found, Output(0, "", ""))

    def said(self, *words: str) -> list[list[str]]:
        """The commands that begin with these words, after `docker`."""
        return [call for call in self.calls if tuple(call[1 : 1 + len(words)]) == words]


def container(component: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever Docker may say
    """What `docker container inspect` says of a healthy container of project throwaway."""
    state = {
        "Status": "running",
        "ExitCode": 0,
        "Error": "",
        "Health": {"Status": "healthy", "Log": [{"Output": "well\n"}]},
    }
    labels = {
        "com.docker.compose.project": "throwaway",
        "com.docker.compose.service": component,
        "dashtam.mode": "development",
    }
    return {
        "Name": f"/{changes.pop('name', f'throwaway-{component}')}",
        "State": state | changes.pop("state", {}),
        "RestartCount": changes.pop("restarts", 0),
        "Config": {"Labels": labels | changes.pop("labels", {})},
    }
