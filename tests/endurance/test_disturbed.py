"""A second verb during the first, and a third client with locks, cause no damage and block no verb forever."""

import os
import random
import signal
from collections.abc import Sequence
from typing import Final

import psutil
import pytest

from dashtam.bootstrap.migrations import files
from dashtam.devenv.components import Mode
from tests.support.faults.faults import steps_of
from tests.support.projects.checksum import assert_unchanged, take_checksum
from tests.support.projects.project import ThrowawayProject, finish, names, read_until
from tests.support.servers.clusters import wait_until
from tests.support.servers.third_client import idle_transaction

CHANGING: Final = (
    "up",
    "down",
    "restart",
    "test.setup",
    "test.unit",
    "test.clean",
    "db.migrate",
    "db.snapshot",
    "db.restore kept --replace dashtam",
    "db.drop-snapshot kept",
)
EVERY_TABLE: Final = "LOCK TABLE users, providers, provider_tokens, aerich IN ACCESS EXCLUSIVE MODE"
WAITING: Final = (
    "status",
    "db.migrate",
    "db.snapshot",
    "restart --component app",
    "test.setup",
    "test.clean",
)
CHANGED_ROWS: Final = (
    "UPDATE users SET password_hash = 'lost'",
    "DELETE FROM provider_tokens",
    "CREATE TABLE unfinished (id int)",
)


@pytest.mark.parametrize(
    ("verb", "first", "afterwards"),
    [
        ("test.setup", ["up"], ["down", "up"]),
        pytest.param("up", ["down"], [], marks=pytest.mark.long_on_compose),
        pytest.param("test.clean", ["test.setup"], ["up"], marks=pytest.mark.long_on_compose),
        pytest.param(
            *("db.snapshot --name second", ["up"], ["db.drop-snapshot second"]),
            marks=pytest.mark.long_on_compose,
        ),
    ],
)
def test_a_second_verb_is_refused_at_every_step(
    project: ThrowawayProject,
    verb: str,
    first: Sequence[str],
    afterwards: Sequence[str],
    rounds: int,
    luck: random.Random,
) -> None:
    before = take_checksum(project)
    run_all(project, first)
    steps = steps_of(project.done(*verb.split()))[:-1]  # after the last step, the verb is almost done
    run_all(project, afterwards)
    for step in luck.sample(steps, min(rounds, len(steps))):
        run_all(project, first)
        process = project.start(*verb.split())
        said = read_until(process, step)
        suspend(process.pid)
        second = luck.choice(CHANGING)
        try:
            result = project.invoke(*second.split())
            assert result.code == 3, f"{second} in the middle of {verb} {step!r}:\n{said}{result.output}"
            assert f"another verb is at work here: pid {process.pid} (invoke " in result.output
        finally:
            process.send_signal(signal.SIGCONT)
        last = finish(process)
        assert last.code == 0, f"{verb} that {second} disturbed {step!r}:\n{said}{last.output}"
        run_all(project, afterwards)
        assert_unchanged(project, before, f"{second} in the middle of {verb} {step!r}")


def run_all(project: ThrowawayProject, verbs: Sequence[str]) -> None:
    for verb in verbs:
        project.done(*verb.split())


def suspend(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "the verb is stopped")


async def test_an_idle_transaction_with_changed_rows_of_development_blocks_only_a_snapshot(
    project: ThrowawayProject,
) -> None:
    before = take_checksum(project)
    async with idle_transaction(project, Mode.DEVELOPMENT, *CHANGED_ROWS):
        assert_unchanged(project, before, "an open transaction")
        for verb in ("up", "db.history", "db.migrate", "status"):
            project.done(verb)
        result = project.invoke("db.snapshot")
        assert result.code == 3, result.output
        assert "another editor" in result.output
        for verb in ("test.setup", "test.clean", "up"):
            project.done(verb)
    assert_unchanged(project, before, "an open transaction through every verb")


async def test_locks_on_every_table_of_development_block_no_verb_forever(
    project: ThrowawayProject, rounds: int, luck: random.Random
) -> None:
    before = take_checksum(project)
    for verb in luck.sample(
        WAITING, min(len(WAITING), max(1, rounds // 4))
    ):  # each waits at least 30 seconds
        project.done("up")
        async with idle_transaction(project, Mode.DEVELOPMENT, EVERY_TABLE):
            result = project.invoke(*verb.split())
            result.assert_told()
        if project.status()["mode"] == "testing":
            project.done("down")
        project.done("up")
        assert_unchanged(project, before, f"{verb} while another client locked every table")


async def test_another_client_of_the_test_database_is_named_and_prevents_its_removal(
    project: ThrowawayProject,
) -> None:
    before = take_checksum(project)
    project.done("test.setup")
    async with idle_transaction(project, Mode.TESTING, "LOCK TABLE users IN ACCESS EXCLUSIVE MODE"):
        for verb in ("test.setup", "test.clean"):
            result = project.invoke(verb)
            assert result.code == 3, result.output
            assert "others are connected: pid" in result.output
            assert "another editor, as dashtam_test_user" in result.output
            if verb == "test.setup":  # test.clean stops the server and thereby the client
                recorded = project.ask("SELECT count(*) FROM aerich", database="dashtam_test")
                assert names(recorded) == [str(len(files()))]
    project.done("test.setup")
    project.done("test.integration")
    project.done("test.clean")
    project.done("up")
    assert_unchanged(project, before, "another client in the test database")
