"""Snapshots bring development back byte for byte, stay whatever else is done, and touch nothing that is not theirs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.checksum import take_checksum
from tests.support.project import Answer, ThrowawayProject


def snapshots(project: ThrowawayProject) -> dict[str, dict[str, Any]]:
    listed = json.loads(project.done("db.snapshots", "--json"))
    return {entry["name"]: entry for entry in listed}


def change(project: ThrowawayProject, sql: str) -> None:
    """Run SQL in development as its own role."""
    project.done("db.shell", "--", "--set=ON_ERROR_STOP=1", "--command", sql)


def restore(project: ThrowawayProject, name: str) -> Answer:
    return project.invoke("db.restore", name, "--replace", "dashtam")


@pytest.fixture(autouse=True)
def _no_snapshots(development: ThrowawayProject) -> Iterator[None]:
    """Each test begins and ends without snapshots."""
    yield
    status = development.status()
    if status["mode"] != "development":
        development.done("up")
    for name in snapshots(development):
        development.done("db.drop-snapshot", name)


def test_development_goes_there_and_back_byte_for_byte(development: ThrowawayProject) -> None:
    change(development, "CREATE TABLE IF NOT EXISTS notes (id serial PRIMARY KEY, text text)")
    change(development, "COMMENT ON TABLE notes IS 'mine'; INSERT INTO notes (text) VALUES ('kept')")
    change(
        development, "ALTER DATABASE dashtam SET search_path = '', public; GRANT SELECT ON notes TO PUBLIC"
    )
    before = take_checksum(development)
    development.done("db.snapshot", "--name", "before-cleanup")
    assert before.differences(take_checksum(development)) == []

    change(development, "DROP TABLE public.notes; CREATE TABLE public.others AS SELECT 1")
    change(development, "ALTER DATABASE dashtam RESET search_path")
    changed = take_checksum(development)
    assert before != changed
    assert restore(development, "before-cleanup").code == 0
    assert before.differences(take_checksum(development)) == []
    assert set(development.health().values()) == {"healthy"}

    (kept,) = [name for name in snapshots(development) if name != "before-cleanup"]
    assert kept.startswith("before-restore-")
    assert restore(development, kept).code == 0
    assert changed.differences(take_checksum(development)) == []
    assert restore(development, "before-cleanup").code == 0
    change(development, "DROP TABLE public.notes; ALTER DATABASE dashtam RESET search_path")
