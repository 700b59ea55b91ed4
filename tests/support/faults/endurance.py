"""One round of an endurance test: a verb, a fault during it, the verbs that repair, and the comparison."""

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
"""Verbs in order, each with its arguments separated by blanks."""
_SETTLED: Final = {0, 1, -signal.SIGKILL}


@dataclass(frozen=True)
class Trial:
    """A verb that is disturbed by faults, the verbs that run before it, and the verbs that repair."""

    verb: str
    beginnings: Sequence[Verbs]
    heals: Sequence[Verbs]
    """Each entry ends with the environment up, in development or in testing."""
    prepare: Callable[[ThrowawayProject], Collection[Checksum]] = field(
        default=lambda project: [take_checksum(project)]
    )
    """Called before each fault, with the environment up; returns the states that development may have afterwards."""
    tidy: Callable[[ThrowawayProject, random.Random], None] = field(default=lambda project, luck: None)
    """Called after each fault; it does not change development."""
    victims: Sequence[Victim] = OF_EVERY_MACHINE
    kill: Callable[[ThrowawayProject, Victim, subprocess.Popen[str], random.Random], str] = strike
    says: str = ""
    """The message that the verb must print if the fault makes it fail."""
    repair: Callable[[ThrowawayProject], None] = field(default=lambda project: None)
    """Called once the verb has ended, to repair what no verb can."""


def endure(project: ThrowawayProject, trial: Trial, rounds: int, luck: random.Random) -> None:
    """Disturb a verb with faults; after each, repair the environment and assert that development is unchanged.

    Raises:
        AssertionError: lists every verb, fault and result before the failure.
    """
    if project.status()["mode"] != "testing":
        project.done("up")
    steps, seconds = _learn(project, trial, luck)
    faults = draw_faults(steps, seconds, luck, trial.victims)
    for number in range(rounds):
        endure_fault(project, trial, next(faults), luck, f"{trial.verb}, round {number + 1}")


def _learn(project: ThrowawayProject, trial: Trial, luck: random.Random) -> tuple[list[str], float]:
    """Run the verb without a fault, and return its steps and its duration in seconds."""
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
    """Run the round `name` of `endure`, with one fault.

    Raises:
        AssertionError: lists every verb, fault and result before the failure.
    """
    possible = trial.prepare(project)
    settle(project)
    history = [f"{name}: {fault}"]
    _run(project, luck.choice(trial.beginnings), history)
    try:
        _run_with_fault(project, trial, fault, luck, history)
    finally:
        trial.repair(project)
    heal = luck.choice(trial.heals)
    _run(project, heal, history)
    after = take_checksum(project)
    if after not in possible:
        differences = [
            "development differs from every expected state:",
            *next(iter(possible)).differences(after),
        ]
        raise AssertionError("\n".join([*history, *differences]))
    assert_usable(project, history)
    trial.tidy(project, luck)
    assert_unchanged(project, after, "tidying up")
    print("; ".join(line.partition("\n")[0] for line in history), flush=True)  # noqa: T201 - shown with a failure


def _run_with_fault(
    project: ThrowawayProject, trial: Trial, fault: Fault, luck: random.Random, history: list[str]
) -> None:
    """Run the verb with a fault; assert that it ends, successfully or not, without a traceback."""
    process = project.start(*trial.verb.split())
    said = _wait(process, fault.moment)
    hit = trial.kill(project, fault.victim, process, luck)
    result = finish(process)
    history.append(f"invoke {trial.verb} -> {result.code} (hit {hit})\n{said}{result.output}")
    assert result.code in _SETTLED, "\n".join(history)
    assert result.code != 1 or trial.says in said + result.output, "\n".join(history)
    stacks = [line for line in (said + result.output).splitlines() if line.startswith("Traceback")]
    assert not stacks, "\n".join(history)  # tracebacks in the last lines of a log are JSON, on one line


def _wait(process: subprocess.Popen[str], moment: Moment) -> str:
    """Wait for the moment, or for the end of the verb, and return the output so far."""
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


def _run(project: ThrowawayProject, verbs: Iterable[str], history: list[str]) -> None:
    for verb in verbs:
        result = project.invoke(*verb.split())
        history.append(f"invoke {verb} -> {result.code}\n{result.output}")
        assert result.code == 0, "\n".join(history)


def assert_usable(project: ThrowawayProject, history: list[str]) -> None:
    """Assert that development's components are healthy, or that the test environment can run a test that writes."""
    status = project.status()
    if status["mode"] == "testing":
        _run(project, ["test.integration"], history)
        return
    health = {entry["component"]: entry["health"] for entry in status["components"]}
    assert status["mode"] == "development", "\n".join([*history, str(status)])
    assert set(health.values()) == {"healthy"}, "\n".join([*history, str(status)])
