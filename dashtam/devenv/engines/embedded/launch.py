"""Become a component: Supervisor runs `python -m dashtam.devenv.engines.embedded.launch FILE`."""

import os
import sys
from pathlib import Path

from dashtam.devenv.engines.embedded.command import Launch
from dashtam.devenv.engines.embedded.identity import INSTANCE
from dashtam.devenv.engines.embedded.leftovers import end_processes, gentle_signal, remove_strangers_lock
from dashtam.devenv.engines.tether import tether

_LEFTOVER_SECONDS = 20.0


def become(launch: Launch, supervisor: int) -> None:
    """Drop to the component's user, tie this process to Supervisor's life, and turn into the component."""
    if launch.account is not None:
        uid, gid = launch.account
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)  # before the tether, which the kernel forgets when the user changes
    os.chdir(launch.folder)
    tether(supervisor, gentle_signal(launch.component))
    os.execve(launch.command[0], list(launch.command), dict(launch.environment))  # noqa: S606 - no shell


def main(path: str) -> None:
    """Start the component that a launch file describes."""
    supervisor = os.getppid()
    launch = Launch.deserialize(Path(path).read_text(encoding="utf-8"))
    cluster = None if launch.cluster is None else Path(launch.cluster)
    end_processes(launch.environment[INSTANCE], launch.component, cluster, seconds=_LEFTOVER_SECONDS)
    if cluster is not None:
        remove_strangers_lock(cluster)
    become(launch, supervisor)


if __name__ == "__main__":
    main(sys.argv[1])
