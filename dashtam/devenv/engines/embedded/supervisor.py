"""Speak to this project's supervisord, and start and end it."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil

from dashtam.devenv.components import Component
from dashtam.devenv.engines.embedded.command import shell_environment, supervisor_configuration
from dashtam.devenv.engines.embedded.folders import Folders, ensure_private, write_private
from dashtam.devenv.engines.embedded.identity import (
    COMPONENT,
    DIGEST,
    INSTANCE,
    SUPERVISOR,
    end,
    find_marked,
    read_environment,
)
from dashtam.devenv.engines.embedded.leftovers import end_processes
from dashtam.devenv.engines.probes import ProbeFailed, wait_until
from dashtam.devenv.errors import EnvironmentFailed

_START_SECONDS = 60.0
_STOP_SECONDS = 75.0  # longer than Supervisor gives its slowest program
_NOT_RUNNING = 70  # supervisor.xmlrpc.Faults
_ALREADY_STARTED = 60


class ProgramState(StrEnum):
    """Where Supervisor says a program stands (supervisor.states.ProcessStates)."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Program:
    """What Supervisor knows of one program."""

    state: ProgramState
    pid: int
    seconds: int
    """How long it has been running."""
    reason: str
    """Why it could not be started, in Supervisor's words."""

    @property
    def alive(self) -> bool:
        """Supervisor runs it, or is about to."""
        return self.state in {ProgramState.STARTING, ProgramState.RUNNING, ProgramState.BACKOFF}


_STOPPED = Program(ProgramState.STOPPED, 0, 0, "")


class Supervisor:
    """The supervisord of one data folder."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def programs(self) -> Mapping[Component, Program]:
        """The state of every component; all are stopped where no supervisord runs."""
        try:
            answers = self._call("getAllProcessInfo")
        except ConnectionError:
            return dict.fromkeys(Component, _STOPPED)
        # One that was started before there was a component does not know it.
        known = {Component(answer["name"]): _read_program(answer) for answer in answers}
        return {**dict.fromkeys(Component, _STOPPED), **known}

    def start_program(self, component: Component) -> None:
        """Start a program without waiting for it."""
        self._tolerating(_ALREADY_STARTED, "startProcess", component.value, False)

    def stop_programs(self, components: Collection[Component]) -> None:
        """Stop programs side by side and wait for their end; Supervisor kills each when its time is over."""
        programs = self.programs()
        for component in components:
            if programs[component].state is not ProgramState.STOPPED:
                self._tolerating(_NOT_RUNNING, "stopProcess", component.value, False)
        wait_until(lambda: self._have_ended(components), seconds=_STOP_SECONDS)

    def _have_ended(self, components: Collection[Component]) -> None:
        programs = self.programs()
        ending = [name for name in components if programs[name].state is ProgramState.STOPPING]
        if ending:
            raise ProbeFailed(f"{', '.join(ending)} still ending")

    def ensure_running(self) -> None:
        """Start supervisord unless this data folder's own runs with today's configuration; end leftovers first."""
        configuration = supervisor_configuration(self._folders)
        digest = sha256(configuration.encode()).hexdigest()[:32]
        if self._runs(digest):
            return
        self.end_everything()
        ensure_private(self._folders.socket.parent)
        self._folders.socket.unlink(missing_ok=True)
        file = self._folders.run / "supervisord.conf"
        write_private(file, configuration)
        self._spawn(file, digest)
        wait_until(self._answers, seconds=_START_SECONDS)

    def shut_down_if_idle(self) -> None:
        """End supervisord when it runs nothing."""
        if any(program.alive for program in self.programs().values()):
            return
        with suppress(OSError, http.client.HTTPException):
            self._call("shutdown")  # quicker than SIGTERM, which Supervisor looks at once a second
        self.end_everything()

    def end_everything(self) -> None:
        """End supervisord and every process that carries this data folder's mark."""
        instance = self._folders.instance
        end(lambda: find_marked(instance, SUPERVISOR), gently=signal.SIGTERM, seconds=_STOP_SECONDS)
        for component in reversed(Component):
            cluster = self._folders.cluster_of(component)
            end_processes(instance, component, cluster, seconds=_STOP_SECONDS)
        end(lambda: find_marked(instance), gently=signal.SIGTERM, seconds=_STOP_SECONDS)
        self._folders.socket.unlink(missing_ok=True)
        if self._folders.socket.parent != self._folders.run:
            shutil.rmtree(self._folders.socket.parent, ignore_errors=True)

    def _runs(self, digest: str) -> bool:
        daemons = find_marked(self._folders.instance, SUPERVISOR)
        if not any(read_environment(daemon).get(DIGEST) == digest for daemon in daemons):
            return False
        try:
            self._answers()
        except ProbeFailed:
            return False
        return True

    def _answers(self) -> None:
        try:
            self._call("getState")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise ProbeFailed(f"supervisord does not answer: {error}") from error

    def _spawn(self, file: Path, digest: str) -> None:
        marks = {INSTANCE: self._folders.instance, COMPONENT: SUPERVISOR, DIGEST: digest}
        answer = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(file)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folders.run,
            env={**shell_environment(os.environ), **marks},
        )
        if answer.returncode != 0:
            raise EnvironmentFailed(f"supervisord did not start: {answer.stdout}{answer.stderr}".strip())

    def _tolerating(self, fault: int, method: str, *arguments: object) -> None:
        try:
            self._call(method, *arguments)
        except xmlrpc.client.Fault as error:
            if error.faultCode != fault:
                raise EnvironmentFailed(f"supervisord: {error.faultString}") from error

    def _call(self, method: str, *arguments: object) -> Any:  # noqa: ANN401 - XML-RPC answers are untyped
        transport = _UnixTransport(self._folders.socket)
        try:
            with xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except FileNotFoundError as error:
            raise ConnectionRefusedError(f"no socket at {self._folders.socket}") from error


def _read_program(answer: Mapping[str, Any]) -> Program:
    running = answer["now"] - answer["start"] if answer["pid"] else 0
    return Program(ProgramState(answer["statename"]), answer["pid"], running, answer["spawnerr"])


class _UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: tuple[str, dict[str, str]] | str) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._path)
        self._connection = host, connection  # what close() closes
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_STOP_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def process_of(program: Program) -> psutil.Process | None:
    """The process of a program, if it is still there."""
    try:
        return psutil.Process(program.pid) if program.pid else None
    except psutil.NoSuchProcess:
        return None
