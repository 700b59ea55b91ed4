"""Snapshots bring development back byte for byte, stay whatever else is done, and refuse what would be unsafe."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashtam.devenv.components import SERVERS, EngineName
from tests.support.projects.checksum import take_checksum
from tests.support.projects.project import Answer, ThrowawayProject, finish, read_until, throwaway_project
from tests.support.servers.clusters import wait_until


def snapshots(project: ThrowawayProject) -> dict[str, dict[str, Any]]:
    listed = json.loads(project.done("db.snapshots", "--json"))
    return {entry["name"]: entry for entry in listed}


def change(project: ThrowawayProject, sql: str) -> None:
    """Run SQL in development as its own role."""
    project.done("db.shell", "--", "--set=ON_ERROR_STOP=1", "--command", sql)


def restore(project: ThrowawayProject, name: str) -> None:
    project.done("db.restore", name, "--replace", "dashtam")


def restore_by_typing(project: ThrowawayProject, name: str, typed: str) -> Answer:
    """Restore on a terminal, where the question is asked."""
    terminal, ours = pty.openpty()
    try:
        os.write(terminal, f"{typed}\n".encode())
        command = [sys.executable, "-m", "invoke", "db.restore", name]
        process = subprocess.Popen(
            command,
            cwd=project.checkout,
            env=project.shell,
            stdin=ours,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return finish(process)
    finally:
        os.close(terminal)
        os.close(ours)


@pytest.fixture(scope="module", name="shared")
def _shared(engine: EngineName, folder: Path) -> Iterator[ThrowawayProject]:
    """A project of this file alone: a snapshot that another file's tests took would be in the way."""
    with throwaway_project(engine, folder, "snaps") as project:
        yield project


@pytest.fixture(name="stores")
def _stores(shared: ThrowawayProject) -> Iterator[ThrowawayProject]:
    """The shared project with nothing but its stores up, so that no verb has servers to start again."""
    if not shared.env_file.exists() or shared.status()["mode"] != "development":
        shared.invoke("down")
        shared.done("up")
    shared.engine.stop(SERVERS)
    yield shared
    for name in snapshots(shared):
        shared.done("db.drop-snapshot", name)


def test_app_and_callback_are_stopped_for_a_copy_and_come_back(development: ThrowawayProject) -> None:
    before = take_checksum(development)
    taking = development.start("db.snapshot", "--name", "one")
    read_until(taking, "app, callback, refresher stopped")
    second = development.invoke("db.snapshot")
    assert (second.code, "another verb is at work" in second.output) == (3, True), second.output
    assert finish(taking).code == 0
    assert set(development.health().values()) == {"healthy"}
    assert before.differences(take_checksum(development)) == []
    development.done("db.drop-snapshot", "one")
    assert snapshots(development) == {}


def test_development_goes_there_and_back_byte_for_byte(stores: ThrowawayProject) -> None:
    change(stores, "CREATE TABLE notes (id serial PRIMARY KEY, text text)")
    change(stores, "COMMENT ON TABLE notes IS 'mine'; INSERT INTO notes (text) VALUES ('kept')")
    change(stores, "ALTER DATABASE dashtam SET search_path = '', public; GRANT SELECT ON notes TO PUBLIC")
    before = take_checksum(stores)
    stores.done("db.snapshot", "--name", "before-cleanup")
    assert before.differences(take_checksum(stores)) == []

    change(stores, "DROP TABLE public.notes; CREATE TABLE public.others AS SELECT 1")
    change(stores, "ALTER DATABASE dashtam RESET search_path")
    changed = take_checksum(stores)
    restore(stores, "before-cleanup")
    assert before.differences(take_checksum(stores)) == []
    (kept,) = [name for name in snapshots(stores) if name != "before-cleanup"]

    declined = restore_by_typing(stores, kept, "yes")
    assert (declined.code, "the answer was 'yes'" in declined.output) == (3, True), declined.output
    assert before.differences(take_checksum(stores)) == []
    agreed = restore_by_typing(stores, kept, "dashtam")
    assert agreed.code == 0, agreed.output
    assert changed.differences(take_checksum(stores)) == []
    change(stores, "DROP TABLE public.others")


def test_snapshots_stay_through_tests_and_a_stop(stores: ThrowawayProject) -> None:
    before = take_checksum(stores)
    stores.done("db.snapshot", "--name", "one")
    taken = snapshots(stores)
    assert taken["one"]["reason"] == "by hand"
    stores.done("test.setup")
    for words in (("db.snapshot",), ("db.restore", "one", "--replace", "dashtam")):
        answer = stores.invoke(*words)
        assert (answer.code, "the test environment is on" in answer.output) == (3, True), answer.output
    stores.done("test.clean")
    stores.done("up")
    assert snapshots(stores).keys() == taken.keys()
    stores.engine.stop(SERVERS)
    restore(stores, "one")
    assert before.differences(take_checksum(stores)) == []


def test_whoever_is_connected_is_named_and_left_alone(stores: ThrowawayProject) -> None:
    before = take_checksum(stores)
    held = stores.start("db.shell", "--", "--command", "SELECT pg_sleep(600)")
    there = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND datname = 'dashtam'"
    wait_until(lambda: bool(stores.ask(there, database="postgres")), "somebody is connected")
    ((pid,),) = stores.ask(there, database="postgres")
    try:
        answer = stores.invoke("db.snapshot", "--name", "one")
        assert answer.code == 3
        assert f"pid {pid}, psql, as role dashtam_user" in answer.output
        assert stores.ask(there, database="postgres") == [[pid]]
        assert snapshots(stores) == {}
    finally:
        stores.ask(f"SELECT pg_terminate_backend({pid}, 10000)", database="postgres")
        finish(held)
    assert before.differences(take_checksum(stores)) == []
