"""A Docker daemon of the test's own, which may be killed: dockerd in namespaces of Linux where nothing else is.

Its network, mounts and processes are its own. So it can stand beside the machine's dockerd, with which it would have
to share iptables and docker0 otherwise, and whatever it has started ends with those namespaces.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import psutil

from dashtam.devenv.engines.compose.command import IMAGE_INPUTS, digest
from dashtam.devenv.engines.compose.images import STORE_IMAGES
from tests.support.projects.project import ThrowawayProject
from tests.support.servers.clusters import wait_until

_NAMESPACES: Final = ("--mount", "--net", "--pid")
_PROGRAMS: Final = ("dockerd", "ip", "nsenter", "unshare")
# The machine's containerd, which a dockerd would take for its own, listens in /run.
_SET_UP: Final = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$0" -c "$1"'
# The first process collects those that a killed dockerd leaves to it: the next one would wait for a containerd that is
# dead and not collected. It ends, and all others with it, when our end of its input closes, however we end.
_FIRST: Final = """
import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.read()
"""


def why_not() -> str:
    """Why there cannot be such a daemon here; empty where there can."""
    if not sys.platform.startswith("linux") or os.getuid() != 0:
        return "only root on Linux can run a Docker daemon of its own"
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    return f"a Docker daemon of its own needs {', '.join(missing)}" if missing else ""


class OwnDaemon:
    """One dockerd with its own data, between its starts and its ends."""

    def __init__(self, folder: Path, first: int) -> None:
        self._folder = folder
        self._first = first
        self._entered: subprocess.Popen[bytes] | None = None
        self.host = f"unix://{folder / 'docker.sock'}"
        self.way_in = ("nsenter", "--target", str(first), "--net", "--")
        """The words before a command that is to reach the ports of its containers."""

    def start(self, *, live_restore: bool = False) -> None:
        """See that it runs and answers; with `live_restore` it leaves containers running that still do.

        Raises:
            AssertionError: it ended instead, and what it said.
        """
        if self._entered is not None and self._entered.poll() is None:
            return
        inside = ["nsenter", "--target", str(self._first), *_NAMESPACES, "--"]
        # Without systemd's help, of which there may be none and which knows nothing of these namespaces.
        options = ["--exec-opt=native.cgroupdriver=cgroupfs", *(["--live-restore"] if live_restore else [])]
        places = [f"--data-root={self._folder / 'data'}", "--exec-root=/run/own", "--pidfile=/run/own.pid"]
        with self._log.open("wb") as log:
            self._entered = subprocess.Popen(
                [*inside, "dockerd", f"--host={self.host}", *places, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._answers, "dockerd answers", seconds=120)

    def kill(self) -> str:
        """Kill it with SIGKILL; says what was hit."""
        process = self._process
        process.kill()
        self._wait()
        return f"dockerd, pid {process.pid}"

    def stop(self) -> None:
        """Let it end in good order."""
        self._process.send_signal(signal.SIGTERM)
        self._wait()

    def processes(self) -> list[psutil.Process]:
        """All that it has started and that runs, in containers and beside them."""
        return psutil.Process(self._first).children(recursive=True)

    def load(self, *images: str) -> None:
        """Give it images that the machine's engine has."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
            command = ["docker", "--host", self.host, "load", "--quiet"]
            subprocess.run(command, stdin=saved.stdout, stdout=subprocess.DEVNULL, check=True)
        assert saved.returncode == 0, f"`docker save` ended with {saved.returncode}"

    @property
    def _log(self) -> Path:
        return self._folder / "dockerd.log"

    @property
    def _process(self) -> psutil.Process:
        """Entering a namespace of processes takes a child."""
        assert self._entered is not None, "it was never started"
        return psutil.Process(self._entered.pid).children()[0]

    def _wait(self) -> None:
        assert self._entered is not None, "it was never started"
        self._entered.wait(60)

    def _answers(self) -> bool:
        assert self._entered is not None, "it was never started"
        assert self._entered.poll() is None, f"dockerd ended:\n{self._log.read_text()}"
        asked = subprocess.run(["docker", "--host", self.host, "version"], capture_output=True)
        return asked.returncode == 0


@contextmanager
def own_daemon(folder: Path) -> Iterator[OwnDaemon]:
    """A daemon that runs, and that is gone afterwards with all that it held."""
    place = folder / "daemon"
    place.mkdir()
    words = ["unshare", *_NAMESPACES, "--fork", "--mount-proc", "sh", "-c", _SET_UP, sys.executable, _FIRST]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as unshare:
        assert _line(unshare.stdout) == b"ready\n", (
            "the namespaces could not be set up; the reason stands above"
        )
        daemon = OwnDaemon(place, psutil.Process(unshare.pid).children()[0].pid)
        daemon.start()
        yield daemon
        daemon.stop()
    shutil.rmtree(place)


def _line(stream: IO[bytes] | None) -> bytes:
    assert stream is not None
    return stream.readline()


def give_images(daemon: OwnDaemon, project: ThrowawayProject) -> None:
    """Give a daemon without internet what `invoke up` would pull and build: built here, with the cache that is here."""
    ours = f"{project.name}-app:development"
    inputs = digest((project.checkout / name).read_bytes() for name in IMAGE_INPUTS)
    build = ["--target=development", f"--build-arg=INPUTS={inputs}", "--file=docker/Dockerfile", "."]
    subprocess.run(["docker", "build", "--quiet", f"--tag={ours}", *build], cwd=project.checkout, check=True)
    try:
        daemon.load(*STORE_IMAGES, ours)
    finally:
        subprocess.run(["docker", "image", "rm", ours], stdout=subprocess.DEVNULL, check=True)
