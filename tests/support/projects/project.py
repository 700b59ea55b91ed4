"""Throw-away projects driven as a developer would: `python -m invoke ...` in a checkout of their own."""

import contextlib
import itertools
import json
import os
import pty
import select
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dashtam.devenv.components import EngineName
from dashtam.devenv.engines.engine import Engine
from dashtam.devenv.project.configuration import PORT_SETTINGS, Configuration, read_configuration
from dashtam.devenv.project.first_run import replace_values
from dashtam.devenv.project.project import Project
from dashtam.devenv.selection import open_engine
from tests.support.checkout import CHECKOUT
from tests.support.servers.ports import free_ports

_PARTS: Final = (
    *("dashtam", "migrations", "docker", "benchmarks", "tests/conftest.py", "tests/support"),
    *("tasks.py", "docker-compose.yml", "docker-compose.test.yml", ".dockerignore"),
    *(".env.example", ".env.test", "pyproject.toml", "constraints.txt", "README.md"),
)
_PASSES: Final = """
def test_passes() -> None:
    pass
"""
_FAILS_ON_DEMAND: Final = """
from pathlib import Path

def test_fails_on_demand() -> None:
    assert not Path("fail").exists()
"""
_WRITES: Final = """
from dashtam.models import User
from tests.support.makers.rows import make_user

async def test_writes(transaction: object) -> None:
    await make_user()
    assert await User.all().count() == 1
"""
_SMALL_TESTS: Final = {
    "tests/unit/test_small.py": _PASSES + _FAILS_ON_DEMAND,
    "tests/integration/test_small.py": _WRITES,
    "tests/rules/test_small.py": _PASSES,
    "tests/acceptance/test_small.py": _PASSES,
}
_NUMBERS: Final = itertools.count(1)
_SECONDS: Final = 300.0


@dataclass(frozen=True)
class Answer:
    """How a verb ended and what it said."""

    code: int
    output: str
    """Standard output and standard error, as they came."""

    @property
    def last_line(self) -> str:
        """What a developer reads last."""
        return self.output.rstrip().rpartition("\n")[2]

    def assert_told(self) -> None:
        """The verb ended as verbs end, done, failed or refused, and told why in words instead of a traceback."""
        assert self.code in {0, 1, 3}, self.output
        assert not [line for line in self.output.splitlines() if line.startswith("Traceback")], self.output


class ThrowawayProject:
    """One throw-away project: its checkout, its data folder, its ports, and the tasks that drive it."""

    def __init__(self, engine: EngineName, checkout: Path, data: Path, name: str) -> None:
        self.engine_name = engine
        self.checkout = checkout
        self.name = name
        self.data = data
        self.home = data / name
        self.ports = dict(zip(PORT_SETTINGS, free_ports(len(PORT_SETTINGS)), strict=True))
        self.way_in: Sequence[str] = ()
        """Words before each command, where verbs shall run elsewhere than the tests: in another network."""
        self.lay_out()

    def lay_out(self) -> None:
        """Copy what a clone of the repository holds, with default ports that are free, and a few small tests."""
        for part in _PARTS:
            source, target = CHECKOUT / part, self.checkout / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                # What is compiled comes along: a project that compiles all of it anew starts a second later.
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.pyc.*"), dirs_exist_ok=True)
            elif source.exists():
                shutil.copy(source, target)
        for path, text in _SMALL_TESTS.items():
            (self.checkout / path).parent.mkdir(parents=True, exist_ok=True)
            (self.checkout / path).write_text(text, encoding="ascii")
        example = self.checkout / ".env.example"
        ports = {name: str(port) for name, port in self.ports.items()}
        example.write_text(replace_values(example.read_text("ascii"), ports), encoding="ascii")

    @property
    def env_file(self) -> Path:
        """Where the first `up` writes the secrets."""
        return self.checkout / ".env"

    @property
    def configuration(self) -> Configuration:
        """What the env files say."""
        return read_configuration(Project(self.name, self.checkout, self.home))

    @property
    def engine(self) -> Engine:
        """The engine behind the tasks."""
        return open_engine(self.engine_name, self.configuration)

    def start(self, *words: str, terminal: int | None = None, **shell: str) -> subprocess.Popen[str]:
        """Start `invoke ...` in a session of its own, as a terminal would; its output is one stream.

        `terminal` is the end of a pseudo-terminal that the verb is given.
        """
        return subprocess.Popen(
            [*self.way_in, sys.executable, "-m", "invoke", *words],
            cwd=self.checkout,
            env=self.shell | shell,
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def shell(self) -> dict[str, str]:
        """What the developer's shell holds."""
        passed_on = ("PATH", "HOME", "TMPDIR", "LANG", "DOCKER_HOST")
        kept = {name: os.environ[name] for name in passed_on if name in os.environ}
        return kept | {
            "COMPOSE_PROJECT_NAME": self.name,
            "DASHTAM_HOME": str(self.data),
            "DASHTAM_ENGINE": self.engine_name.value,
        }

    def invoke(self, *words: str, **shell: str) -> Answer:
        """Run `invoke ...` to its end; variables are added to those of the shell."""
        return finish(self.start(*words, terminal=None, **shell))

    def invoke_typing(self, typed: str, *words: str, question: str) -> Answer:
        """Run `invoke ...` on a terminal, where somebody types an answer to its question."""
        return self.invoke_answering({question: typed}, *words)

    def invoke_answering(self, answers: Mapping[str, str], *words: str) -> Answer:
        """Run `invoke ...` on a terminal, where somebody types an answer to each question as it comes."""
        ours, theirs = pty.openpty()
        try:
            process = self.start(*words, terminal=theirs)
        finally:
            os.close(theirs)
        shown, asked, waiting = b"", 0, list(answers.items())
        with open(ours, "r+b", buffering=0) as screen, contextlib.suppress(OSError):  # noqa: PTH123
            # Linux tells with an error that nobody has the other end any more.
            while select.select([screen], [], [], _SECONDS)[0] and (chunk := screen.read(4096)):
                shown += chunk
                if waiting and waiting[0][0].encode() in shown[asked:]:
                    asked = len(shown)
                    screen.write(f"{waiting.pop(0)[1]}\n".encode())
        return Answer(finish(process).code, shown.decode())

    def done(self, *words: str, **shell: str) -> str:
        """Run `invoke ...`, which must end well; what it said."""
        answer = self.invoke(*words, **shell)
        assert answer.code == 0, f"invoke {' '.join(words)} ended with {answer.code}:\n{answer.output}"
        return answer.output

    def status(self) -> dict[str, Any]:
        """What `invoke status --json` says."""
        document: dict[str, Any] = json.loads(self.done("status", "--json"))
        return document

    def health(self) -> dict[str, str]:
        """Component to health."""
        return {entry["component"]: entry["health"] for entry in self.status()["components"]}

    def ask(self, sql: str, *, database: str = "dashtam") -> list[list[str]]:
        """Ask the running PostgreSQL as its superuser, in a read-only session."""
        return self.engine.query(database, sql)

    def fetch(self, path: str, *, port: str = "APP_PORT") -> bytes:
        """What a server answers over TLS that verifies against this project's authority."""
        context = ssl.create_default_context(cafile=str(self.home / "certificates" / "ca.pem"))
        url = f"https://localhost:{self.ports[port]}{path}"
        with urllib.request.urlopen(url, context=context, timeout=60) as response:
            body: bytes = response.read()
        return body

    def dump(self) -> dict[str, list[list[str]]]:
        """Every row of every table of development, as text."""
        tables = self.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return {table: self.ask(f"SELECT t::text FROM {table} AS t ORDER BY 1") for (table,) in tables}

    def remove(self) -> None:
        """Stop everything and remove the engine's data."""
        if (self.home / "state.json").exists() and self.env_file.is_file():
            self.engine.wipe()


def finish(process: subprocess.Popen[str], *, seconds: float = _SECONDS) -> Answer:
    """Wait for a verb, and read what it said; one that hangs fails the test and is killed."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        raise AssertionError(f"{process.args!r} hung for {seconds} s after:\n{output}") from None
    return Answer(process.returncode, output)


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Read a verb's output up to the line that holds some words.

    Raises:
        AssertionError: the verb ended before.
    """
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if words in line:
            return "".join(seen)
    raise AssertionError(f"ended without saying {words!r}:\n{''.join(seen)}")


def store_something(project: ThrowawayProject) -> None:
    """Start development, and store what tests can lose."""
    project.done("up")
    project.done("exec", "app", "--", "python", "-m", "tests.support.people.story", "store")


@contextlib.contextmanager
def throwaway_project(engine: EngineName, folder: Path, kind: str) -> Iterator[ThrowawayProject]:
    """A project that is stopped and gone afterwards, whatever the test did to it; no two of them share a name."""
    name = f"dashtam-{kind}-{os.getpid()}-{next(_NUMBERS)}"
    checkout = folder / f"checkout-{name}"
    project = ThrowawayProject(engine, checkout, folder / "data", name)
    try:
        yield project
    finally:
        project.remove()
        shutil.rmtree(checkout)


def names(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column."""
    return [row[0] for row in rows]
