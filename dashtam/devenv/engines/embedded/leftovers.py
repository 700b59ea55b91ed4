"""What goes on running after its supervisord, or its launcher, was killed."""

import contextlib
import signal
from pathlib import Path

import psutil

from dashtam.devenv.components import Component
from dashtam.devenv.engines.embedded.identity import end, find_marked, find_servers_of

_GENTLY = {
    Component.POSTGRES: signal.SIGINT
}  # its fast shutdown; SIGTERM would wait for every client to leave


def gentle_signal(component: Component) -> signal.Signals:
    """The signal that asks a component to end."""
    return _GENTLY.get(component, signal.SIGTERM)


def find_processes(instance: str, component: Component, cluster: Path | None) -> list[psutil.Process]:
    """List the processes of a component, this one excepted; with `cluster` also PostgreSQL's own children."""
    found = set(find_marked(instance, component))
    if cluster is not None:
        found.update(find_servers_of(cluster))
    return list(found)


def end_processes(instance: str, component: Component, cluster: Path | None, *, seconds: float) -> None:
    """End the processes of a component: they would hold its port, or its data folder."""
    end(
        lambda: find_processes(instance, component, cluster), gently=gentle_signal(component), seconds=seconds
    )


def remove_strangers_lock(cluster: Path) -> None:
    """Remove a postmaster.pid whose process id was given to another program since its postmaster was killed.

    PostgreSQL takes any process of its own user for a running postmaster, and would never start again. Call it when
    the processes of the cluster have ended; in every case that is not clear the file stays, and PostgreSQL decides.
    """
    lock = cluster / "postmaster.pid"
    with contextlib.suppress(psutil.Error, OSError, ValueError, IndexError):
        holder = psutil.Process(int(lock.read_text(encoding="utf-8").splitlines()[0]))
        if holder.cwd() != str(cluster):
            lock.unlink()
