"""Become a component: Supervisor runs `python -m dashtam.devenv.embedded.launch FILE`, whatever ended it before."""

import os
import signal
import sys
from pathlib import Path

from dashtam.devenv.components import Component
from dashtam.devenv.embedded.command import Launch
from dashtam.devenv.embedded.identity import INSTANCE, end, find_marked, find_servers_of
from dashtam.devenv.tether import tether

_GENTLY = {Component.POSTGRES: signal.SIGINT}
_LEFTOVER_SECONDS = 20.0


def end_leftovers(launch: Launch) -> None:
    """End what an earlier life of this component left behind: it would hold the port, or the data folder."""
    leftovers = find_marked(launch.environment[INSTANCE], launch.component)
    if launch.cluster is not None:
        leftovers += find_servers_of(Path(launch.cluster))
    end(leftovers, gently=_GENTLY.get(launch.component, signal.SIGTERM), seconds=_LEFTOVER_SECONDS)


def become(launch: Launch, supervisor: int) -> None:
    """Drop to the component's user, tie this process to Supervisor's life, and turn into the component."""
    if launch.account is not None:
        uid, gid = launch.account
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)  # before the tether, which the kernel forgets when the user changes
    os.chdir(launch.folder)
    tether(supervisor, _GENTLY.get(launch.component, signal.SIGTERM))
    os.execve(launch.command[0], list(launch.command), dict(launch.environment))  # noqa: S606 - no shell


def main(path: str) -> None:
    """Start the component that a launch file describes."""
    supervisor = os.getppid()
    launch = Launch.deserialize(Path(path).read_text(encoding="utf-8"))
    end_leftovers(launch)
    become(launch, supervisor)


if __name__ == "__main__":
    main(sys.argv[1])
