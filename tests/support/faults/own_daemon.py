"""A Docker daemon that a test may kill: dockerd in its own Linux namespaces.

It has its own network, mounts and processes. Therefore it does not share iptables and docker0 with the machine's
dockerd, and everything that it started ends with its namespaces.
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
# Hides /run, where the machine's containerd listens; a dockerd would use that one.
_SET_UP: Final = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$0" -c "$1"'
# The first process reaps the orphans of a killed dockerd, because the next dockerd would wait for a containerd that is
# dead but not reaped. It ends, and with it all others, when our end of its standard input closes.
_FIRST: Final = """
import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.read()
"""


def why_not() -> str:
    """Return why such a daemon cannot run here; empty if it can."""
    if not sys.platform.startswith("linux") or os.getuid() != 0:
        return "only root on Linux can run its own Docker daemon"
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    return f"a test's own Docker daemon needs {', '.join(missing)}" if missing else ""


class OwnDaemon:
    """A dockerd with its own data, which can be started and stopped repeatedly."""

    def __init__(self, folder: Path, first: int) -> None:
        self._folder = folder
        self._first = first
        self._entered: subprocess.Popen[bytes] | None = None
        self.host = f"unix://{folder / 'docker.sock'}"
        self.way_in = ("nsenter", "--target", str(first), "--net", "--")
        """The prefix of commands that have to reach the ports of its containers."""

    def start(self, *, live_restore: bool = False) -> None:
        """Start it if needed, and wait until it responds; with `live_restore`, its containers outlive it.

        Raises:
            AssertionError: dockerd ended instead; the message holds its log.
        """
        if self._entered is not None and self._entered.poll() is None:
            return
        inside = ["nsenter", "--target", str(self._first), *_NAMESPACES, "--"]
        # Without systemd, which may be missing and does not know these namespaces.
        options = ["--exec-opt=native.cgroupdriver=cgroupfs", *(["--live-restore"] if live_restore else [])]
        places = [f"--data-root={self._folder / 'data'}", "--exec-root=/run/own", "--pidfile=/run/own.pid"]
        with self._log.open("wb") as log:
            self._entered = subprocess.Popen(
                [*inside, "dockerd", f"--host={self.host}", *places, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._responds, "dockerd responds", seconds=120)

    def kill(self) -> str:
        """Kill it with SIGKILL, and return what was killed."""
        process = self._process
        process.kill()
        self._wait()
        return f"dockerd, pid {process.pid}"

    def stop(self) -> None:
        """Stop it gracefully."""
        self._process.send_signal(signal.SIGTERM)
        self._wait()

    def processes(self) -> list[psutil.Process]:
        """Return every running process that it started, inside and outside containers."""
        return psutil.Process(self._first).children(recursive=True)

    def load(self, *images: str) -> None:
        """Load images from the machine's engine."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
            command = ["docker", "--host", self.host, "load", "--quiet"]
            subprocess.run(command, stdin=saved.stdout, stdout=subprocess.DEVNULL, check=True)
        assert saved.returncode == 0, f"`docker save` ended with {saved.returncode}"

    @property
    def _log(self) -> Path:
        return self._folder / "dockerd.log"

    @property
    def _process(self) -> psutil.Process:
        """The first process of the namespaces: a child, because only children enter a PID namespace."""
        assert self._entered is not None, "it was never started"
        return psutil.Process(self._entered.pid).children()[0]

    def _wait(self) -> None:
        assert self._entered is not None, "it was never started"
        self._entered.wait(60)

    def _responds(self) -> bool:
        assert self._entered is not None, "it was never started"
        assert self._entered.poll() is None, f"dockerd ended:\n{self._log.read_text()}"
        asked = subprocess.run(["docker", "--host", self.host, "version"], capture_output=True)
        return asked.returncode == 0


@contextmanager
def own_daemon(folder: Path) -> Iterator[OwnDaemon]:
    """Run a daemon until the end of the context, and remove its data then."""
    place = folder / "daemon"
    place.mkdir()
    words = ["unshare", *_NAMESPACES, "--fork", "--mount-proc", "sh", "-c", _SET_UP, sys.executable, _FIRST]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as unshare:
        assert _line(unshare.stdout) == b"ready\n", (
            "the namespaces could not be created; see the output above"
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
    """Build the images of `invoke up` on this machine, with its cache, for a daemon without internet access."""
    ours = f"{project.name}-app:development"
    inputs = digest((project.checkout / name).read_bytes() for name in IMAGE_INPUTS)
    build = ["--target=development", f"--build-arg=INPUTS={inputs}", "--file=docker/Dockerfile", "."]
    subprocess.run(["docker", "build", "--quiet", f"--tag={ours}", *build], cwd=project.checkout, check=True)
    try:
        daemon.load(*STORE_IMAGES, ours)
    finally:
        subprocess.run(["docker", "image", "rm", ours], stdout=subprocess.DEVNULL, check=True)
