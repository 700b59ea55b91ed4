"""Kills processes that a running verb needs: the verb itself, its command in the database, a server, or all of them."""

import contextlib
import os
import random
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import psutil

from dashtam.devenv.components import EngineName
from dashtam.devenv.engines.embedded.folders import Folders
from dashtam.devenv.engines.embedded.identity import SUPERVISOR, find_marked, find_servers_of
from tests.support.projects.project import ThrowawayProject

_COMMANDS: Final = ("dashtam.bootstrap.", "dashtam.disposable.", "snapshot.sh", "ensure-database.sh")
# For containers without `ps`: each process id, its parent's id, and its command line.
_LIST: Final = (
    "for p in /proc/[0-9]*; do echo \"${p#/proc/} $(sed -n 's/^PPid:[^0-9]*//p' $p/status 2>/dev/null) "
    "$(tr '\\0' ' ' <$p/cmdline 2>/dev/null)\"; done"
)


class Victim(StrEnum):
    """What a fault kills."""

    VERB = "only the verb"
    FAMILY = "the verb and its children"
    COMMAND = "the command in the database"
    POSTGRES = "postgres"
    BACKEND = "a process of postgres"
    REDIS = "redis"
    SUPERVISOR = "the supervisor, or all containers"
    DAEMON = "the Docker daemon"


OF_EVERY_MACHINE: Final = tuple(victim for victim in Victim if victim is not Victim.DAEMON)
"""The victims that a test may kill on every machine; a daemon may be killed only if the test started it."""


@dataclass(frozen=True)
class Moment:
    """When a fault strikes: after the verb has printed a step, or some seconds after its start."""

    step: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"after {self.step!r}" if self.step else f"{self.seconds:.3f} s after its start"


@dataclass(frozen=True)
class Fault:
    """A victim, and the moment of its kill."""

    moment: Moment
    victim: Victim

    def __str__(self) -> str:
        return f"killed {self.victim} {self.moment}"


def steps_of(output: str) -> list[str]:
    """Return the steps that a verb printed, without times and facts, which vary."""
    lines = [line for line in output.splitlines() if line.startswith(("✓ ", "• "))]
    return list(dict.fromkeys(line.partition("  ")[0] for line in lines))


def draw_faults(
    steps: Sequence[str], seconds: float, luck: random.Random, victims: Sequence[Victim]
) -> Iterator[Fault]:
    """Yield each pair of a step and a victim once, in random order; every third fault strikes at a random moment.

    `seconds` is the duration of the undisturbed verb. After the last pair, only random moments follow, without end.
    """
    pairs = [Fault(Moment(step=step), victim) for step in steps for victim in victims]
    luck.shuffle(pairs)
    while True:
        for _ in range(2):
            if pairs:
                yield pairs.pop()
        yield Fault(Moment(seconds=luck.uniform(0, seconds)), luck.choice(victims))


def strike(
    project: ThrowawayProject, victim: Victim, verb: subprocess.Popen[str], luck: random.Random
) -> str:
    """Kill a victim with SIGKILL, and return what was killed, which may be nothing."""
    if victim is Victim.VERB:
        verb.kill()
        return f"pid {verb.pid}"
    if victim is Victim.FAMILY:
        if verb.returncode is not None:  # already reaped, so that another process may have its id
            return "nothing, the verb had ended"
        os.killpg(verb.pid, signal.SIGKILL)
        return f"process group {verb.pid}"
    if project.engine_name is EngineName.EMBEDDED:
        return _strike_process(project, victim, luck)
    return _strike_container(project, victim, luck)


def _strike_process(project: ThrowawayProject, victim: Victim, luck: random.Random) -> str:
    found = _find_processes(project, victim)
    if victim is Victim.BACKEND and found:
        found = [luck.choice(found)]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return ", ".join(f"pid {process.pid}" for process in found) or "nothing, no such process was running"


def _find_processes(project: ThrowawayProject, victim: Victim) -> list[psutil.Process]:
    folders = Folders(project.home)
    if victim is Victim.COMMAND:
        return [process for process in psutil.process_iter() if _is_command(process, project)]
    if victim is Victim.REDIS:
        return find_marked(folders.instance, "redis")
    if victim is Victim.SUPERVISOR:
        return find_marked(folders.instance, SUPERVISOR)
    servers = sorted(find_servers_of(folders.cluster), key=lambda process: process.pid)
    return [process for process in servers if (_parent(process) in servers) is (victim is Victim.BACKEND)]


def _parent(process: psutil.Process) -> psutil.Process | None:
    try:
        return process.parent()
    except psutil.NoSuchProcess:
        return None


def _is_command(process: psutil.Process, project: ThrowawayProject) -> bool:
    try:
        return process.cwd() == str(project.checkout) and _works_in_database(" ".join(process.cmdline()))
    except (psutil.Error, OSError):
        return False


def _works_in_database(words: str) -> bool:
    return any(command in words for command in _COMMANDS)


def _strike_container(project: ThrowawayProject, victim: Victim, luck: random.Random) -> str:
    if victim is Victim.SUPERVISOR:
        names = [
            f"{project.name}-{component}"
            for component in ("postgres", "redis", "app", "callback", "refresher")
        ]
        return " ".join(docker("kill", *names).split()) or "nothing, no container was running"
    components = {Victim.COMMAND: ["app", "postgres"], Victim.REDIS: ["redis"]}.get(victim, ["postgres"])
    hits = [_strike_inside(f"{project.name}-{component}", victim, luck) for component in components]
    return " and ".join(hits)


def _strike_inside(name: str, victim: Victim, luck: random.Random) -> str:
    listed = [line.split(maxsplit=2) for line in docker("exec", name, "sh", "-c", _LIST).splitlines()]
    running = {int(words[0]): (int(words[1]), words[2]) for words in listed if len(words) == 3}
    found = sorted(
        pid for pid, (parent, words) in running.items() if _is_victim(victim, parent, words, running)
    )
    if victim is Victim.BACKEND and found:
        found = [luck.choice(found)]
    if found:
        docker("exec", name, "sh", "-c", f"kill -KILL {' '.join(map(str, found))}")
    return f"pid {found} in {name}" if found else f"nothing in {name}"


def _is_victim(victim: Victim, parent: int, words: str, running: dict[int, tuple[int, str]]) -> bool:
    _, words_of_parent = running.get(parent, (0, ""))
    child = words_of_parent.startswith("postgres")
    return {
        Victim.COMMAND: _works_in_database(words),
        Victim.REDIS: words.startswith("redis-server"),
        Victim.POSTGRES: words.startswith("postgres") and not child,
        Victim.BACKEND: words.startswith("postgres") and child,
    }[victim]


def docker(*words: str) -> str:
    """Run the Docker client, and return its output even if it fails, because the victim may be gone."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60).stdout
