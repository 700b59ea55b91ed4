"""The verbs that are disturbed by faults: where each begins, which verbs repair, and the allowed results."""

import json
import random
from collections.abc import Collection
from itertools import count
from typing import Final

from tests.support.faults.endurance import Trial
from tests.support.projects.checksum import Checksum, take_checksum
from tests.support.projects.project import ThrowawayProject

_HEALS: Final = (["up"], ["down", "up"], ["restart"], ["test.setup", "test.clean", "up"])
_ADD_USER: Final = "INSERT INTO users (email, password_hash) VALUES ('after-{}@example.com', 'x')"
_NUMBERS: Final = count(1)


def taken(project: ThrowawayProject) -> list[str]:
    """Return the names of all snapshots."""
    return [entry["name"] for entry in json.loads(project.done("db.snapshots", "--json"))]


def drop_or_restore(project: ThrowawayProject, luck: random.Random) -> None:
    """Restore the snapshot in half of the rounds, and drop all; a complete snapshot leaves development unchanged."""
    names = taken(project)
    if "endured" in names and luck.random() < 0.5:
        project.done("db.restore", "endured", "--replace", "dashtam")
    drop_all(project, luck)


def drop_all(project: ThrowawayProject, luck: random.Random) -> None:
    """Drop all snapshots, to make room for the next round."""
    for name in taken(project):
        project.done("db.drop-snapshot", name)


def change_after_snapshot(project: ThrowawayProject) -> Collection[Checksum]:
    """Take a snapshot, change development, and return both states."""
    project.done("db.snapshot", "--name", "endured")
    old = take_checksum(project)
    project.done("db.shell", "--", "-c", _ADD_USER.format(next(_NUMBERS)))
    return [take_checksum(project), old]


UP: Final = Trial(
    verb="up",
    beginnings=[["down"], []],
    heals=[["up"], ["down", "up"], ["test.setup", "test.clean", "up"]],
)
SETUP: Final = Trial(
    verb="test.setup",
    beginnings=[["down", "up"], ["down"], []],
    heals=[["test.setup"], ["test.clean", "up"], ["down", "up"]],
)
CLEAN: Final = Trial(
    verb="test.clean",
    beginnings=[["test.setup"], ["down"]],
    heals=[["test.clean", "up"], ["test.setup"], ["down", "up"]],
)
SNAPSHOT: Final = Trial(
    verb="db.snapshot --name endured", beginnings=[[]], heals=_HEALS, tidy=drop_or_restore
)
RESTORE: Final = Trial(
    verb="db.restore endured --replace dashtam",
    beginnings=[[]],
    heals=_HEALS,
    prepare=change_after_snapshot,
    tidy=drop_all,
)
