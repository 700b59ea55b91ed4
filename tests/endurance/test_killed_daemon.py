"""A Docker daemon that is killed during a verb and restarted loses nothing; without a daemon, verbs report it."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from dashtam.devenv.components import EngineName
from tests.support.faults.copies import HeldCopy
from tests.support.faults.endurance import Trial, endure, endure_fault
from tests.support.faults.faults import Fault, Moment, Victim
from tests.support.faults.own_daemon import OwnDaemon, give_images, own_daemon, why_not
from tests.support.faults.trials import CLEAN, RESTORE, SETUP, SNAPSHOT, UP
from tests.support.projects.checksum import assert_unchanged, take_checksum
from tests.support.projects.project import ThrowawayProject, store_something, throwaway_project

ENGINE: Final = EngineName.COMPOSE
TRIALS: Final = (
    *(SETUP, RESTORE),
    *(pytest.param(trial, marks=pytest.mark.long_on_compose) for trial in (UP, CLEAN, SNAPSHOT)),
)
VERBS: Final = (
    *("up", "down", "restart", "status", "logs", "exec app -- true", "doctor"),
    *("test.setup", "test.unit", "test.clean", "test", "db.migrate", "db.shell"),
    *("db.snapshot", "db.snapshots", "db.restore endured --replace dashtam", "db.drop-snapshot endured"),
)
pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(scope="module", name="daemon")
def _daemon(folder: Path) -> Iterator[OwnDaemon]:
    with own_daemon(folder) as daemon:
        yield daemon


@pytest.fixture(scope="module", name="project")
def _project(engine: EngineName, folder: Path, daemon: OwnDaemon) -> Iterator[ThrowawayProject]:
    """A project on the daemon, with data in it; the Docker client of the test uses that daemon as well."""
    with pytest.MonkeyPatch.context() as shell, throwaway_project(engine, folder, "killed-daemon") as project:
        give_images(daemon, project)
        shell.setenv("DOCKER_HOST", daemon.host)
        project.way_in = daemon.way_in
        store_something(project)
        yield project


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.verb.partition(" ")[0])
def test_a_daemon_killed_in_the_middle_of_a_verb_loses_nothing(
    project: ThrowawayProject, daemon: OwnDaemon, trial: Trial, rounds: int, luck: random.Random
) -> None:
    killed = replace(
        trial,
        victims=[Victim.DAEMON],
        kill=lambda *_: daemon.kill(),
        says=f"no Docker engine answers at {daemon.host}",
        repair=lambda _: daemon.start(live_restore=luck.choice([False, True])),
    )
    endure(project, killed, rounds, luck)


@pytest.mark.parametrize("live_restore", [False, True])
def test_a_daemon_killed_while_postgres_copies_a_snapshot_loses_nothing(
    project: ThrowawayProject, daemon: OwnDaemon, live_restore: bool, luck: random.Random
) -> None:
    held: list[HeldCopy] = []

    def kill(*_: object) -> str:
        held.append(HeldCopy(daemon.processes))
        return f"{daemon.kill()}, with {held[-1].copied} files copied"

    def repair(_: ThrowawayProject) -> None:
        daemon.start(live_restore=live_restore)
        for copy in held:
            copy.resume()

    killed = replace(RESTORE, kill=kill, says=f"no Docker engine answers at {daemon.host}", repair=repair)
    project.done("up")
    endure_fault(project, killed, Fault(Moment(), Victim.DAEMON), luck, "in the middle of a copy")


def test_without_a_daemon_every_verb_says_so(project: ThrowawayProject, daemon: OwnDaemon) -> None:
    project.done("up")
    before = take_checksum(project)
    daemon.kill()
    try:
        for verb in VERBS:
            result = project.invoke(*verb.split())
            result.assert_told()
            assert result.code == 1, f"invoke {verb}:\n{result.output}"
            assert f"no Docker engine answers at {daemon.host}" in result.output
            assert "start Docker" in result.output
            assert "--engine embedded" not in result.output, "the data is not there"
    finally:
        daemon.start()
    project.done("up")
    assert_unchanged(project, before, "verbs without a daemon")
