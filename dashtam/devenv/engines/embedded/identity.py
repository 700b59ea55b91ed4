"""Find and end the processes of one data folder by the mark in their environment, never by name."""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import psutil

INSTANCE = "DASHTAM_INSTANCE"
COMPONENT = "DASHTAM_COMPONENT"
DIGEST = "DASHTAM_DIGEST"
SUPERVISOR = "supervisor"
_PAUSE_SECONDS = 0.01


def find_marked(instance: str, component: str | None = None) -> list[psutil.Process]:
    """List the processes that carry an instance's mark (and a component's), this process excepted.

    psutil remembers each one's start time, so that a process id given to somebody else is never signalled.
    """
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _carries(process, instance, component)
    ]


def _carries(process: psutil.Process, instance: str, component: str | None) -> bool:
    environment = read_environment(process)
    return environment.get(INSTANCE) == instance and component in (None, environment.get(COMPONENT))


def read_environment(process: psutil.Process) -> dict[str, str]:
    """The environment that a process was started with; empty where it is gone or not ours to see."""
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def find_servers_of(cluster: Path) -> list[psutil.Process]:
    """List the PostgreSQL processes that work in a data folder.

    A backend writes its title over the environment it was started with, and outlives a killed postmaster while it is
    busy; but each of them works in the data folder, and runs a program called postgres.
    """
    return [process for process in psutil.process_iter() if _serves(process, cluster)]


def _serves(process: psutil.Process, cluster: Path) -> bool:
    try:
        return (
            process.cwd() == str(cluster)
            and Path(process.exe().removesuffix(" (deleted)")).name == "postgres"
        )
    except (psutil.Error, OSError):
        return False


def end(find: Callable[[], Collection[psutil.Process]], *, gently: signal.Signals, seconds: float) -> None:
    """Ask the processes that are found to end, and kill the ones that are still there after some seconds.

    Looks again until none is found: one that forked while it was listed, or asked, left a child that no list had. Those
    that nothing ends (they wait for a disk, say) are left after as many seconds more.
    """
    while listed := find():
        _send(listed, gently)
        stubborn = _wait_for_end(listed, seconds)
        _send(stubborn, signal.SIGKILL)
        if _wait_for_end(stubborn, seconds):
            return


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _wait_for_end(processes: Collection[psutil.Process], seconds: float) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    while (
        running := [process for process in processes if is_alive(process)]
    ) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return running


def is_alive(process: psutil.Process) -> bool:
    """It runs. One that ended and waits for an idle init process to collect it does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
