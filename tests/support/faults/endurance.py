"""One round of an endurance test: a verb, a fault in the middle of it, the verbs that heal, and the proof."""

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.support.faults.faults import OF_EVERY_MACHINE, Fault, Moment, Victim, draw_faults, steps_of, strike
from tests.support.projects.checksum import Checksum, assert_unchanged, settle, take_checksum
from tests.support.projects.project import ThrowawayProject, finish

Verbs = Sequence[str]
"""Verbs one after the other, each with its words apart by blanks."""
_SETTLED: Final = {0, 1, -signal.SIGKILL}


@dataclass(frozen=True)
class Trial:
    """A verb that meets faults, the ways to where it begins, and the ways that heal it."""

    verb: str
    beginnings: Sequence[Verbs]
    heals: Sequence[Verbs]
    """Each of them ends with the environment up, in development or in testing."""
    prepare: Callable[[ThrowawayProject], Collection[Checksum]] = field(
        default=lambda project: [take_checksum(project)]
    )
    """Is called before each fault, with the environment up; answers what development may be afterwards."""
    tidy: Callable[[ThrowawayProject, random.Random], None] = field(default=lambda project, luck: None)
    """Is called after each, and leaves development as it found it."""
    victims: Sequence[Victim] = OF_EVERY_MACHINE
    kill: Callable[[ThrowawayProject, Victim, subprocess.Popen[str], random.Random], str] = strike
    says: str = ""
    """What the verb has to say where the fault made it fail."""
    repair: Callable[[ThrowawayProject], None] = field(default=lambda project: None)
    """Is called once the verb has ended: brings back what no verb can."""


def endure(project: ThrowawayProject, trial: Trial, rounds: int, luck: random.Random) -> None:
    """Let a verb meet faults; after each, one of the ways heals, and development is byte for byte what it was.

    Raises:
        AssertionError: tells every verb, fault and answer that led there.
    """
    if project.status()["mode"] != "testing":
        project.done("up")
    steps, seconds = _learn(project, trial, luck)
    faults = draw_faults(steps, seconds, luck, trial.victims)
    for number in range(rounds):
        endure_fault(project, trial, next(faults), luck, f"{trial.verb}, round {number + 1}")


def _learn(project: ThrowawayProject, trial: Trial, luck: random.Random) -> tuple[list[str], float]:
    """Run the verb undisturbed: its steps, and how long it takes."""
    trial.prepare(project)
    _run(project, trial.beginnings[0], [])
    begun = time.monotonic()
    steps = steps_of(project.done(*trial.verb.split()))
    seconds = time.monotonic() - begun
    _run(project, trial.heals[0], [])
    trial.tidy(project, luck)
    return steps, seconds


def endure_fault(
    project: ThrowawayProject, trial: Trial, fault: Fault, luck: random.Random, name: str
) -> None:
    """Let a verb meet one fault, of a round that has a name, and go on as `endure` does.

    Raises:
        AssertionError: tells every verb, fault and answer that led there.
    """
    possible = trial.prepare(project)
    settle(project)
    told = [f"{name}: {fault}"]
    _run(project, luck.choice(trial.beginnings), told)
    try:
        _answer_of_verb(project, trial, fault, luck, told)
    finally:
        trial.repair(project)
    heal = luck.choice(trial.heals)
    _run(project, heal, told)
    after = take_checksum(project)
    if after not in possible:
        differences = ["differs from each state that it may have:", *next(iter(possible)).differences(after)]
        raise AssertionError("\n".join([*told, *differences]))
    assert_usable(project, told)
    trial.tidy(project, luck)
    assert_unchanged(project, after, "tidying up")
    print("; ".join(line.partition("\n")[0] for line in told), flush=True)  # noqa: T201 - what a failure is told with


def _answer_of_verb(
    project: ThrowawayProject, trial: Trial, fault: Fault, luck: random.Random, told: list[str]
) -> None:
    """Run a verb with a fault in it; it ends, well or not, and tells no stack of calls."""
    process = project.start(*trial.verb.split())
    said = _wait(process, fault.moment)
    hit = trial.kill(project, fault.victim, process, luck)
    answer = finish(process)
    told.append(f"invoke {trial.verb} -> {answer.code} (hit {hit})\n{said}{answer.output}")
    assert answer.code in _SETTLED, "\n".join(told)
    assert answer.code != 1 or trial.says in said + answer.output, "\n".join(told)
    stacks = [line for line in (said + answer.output).splitlines() if line.startswith("Traceback")]
    assert not stacks, "\n".join(told)  # the last lines of a log may hold some, and each is one line of JSON


def _wait(process: subprocess.Popen[str], moment: Moment) -> str:
    """Let the verb come to the moment, or to its end where it never says that step; what it said so far."""
    if not moment.step:
        with contextlib.suppress(subprocess.TimeoutExpired):  # the moment of the kill is what is tested
            process.wait(moment.seconds)
        return ""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith(moment.step):
            break
    return said


def _run(project: ThrowawayProject, verbs: Iterable[str], told: list[str]) -> None:
    for verb in verbs:
        answer = project.invoke(*verb.split())
        told.append(f"invoke {verb} -> {answer.code}\n{answer.output}")
        assert answer.code == 0, "\n".join(told)


def assert_usable(project: ThrowawayProject, told: list[str]) -> None:
    """Development is healthy all over, or the test environment runs a test that writes."""
    status = project.status()
    if status["mode"] == "testing":
        _run(project, ["test.integration"], told)
        return
    health = {entry["component"]: entry["health"] for entry in status["components"]}
    assert status["mode"] == "development", "\n".join([*told, str(status)])
    assert set(health.values()) == {"healthy"}, "\n".join([*told, str(status)])
