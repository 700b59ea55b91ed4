"""After any kill while a snapshot is taken or restored, development is complete, in its old or its new state."""

import random

import pytest

from tests.support.faults.endurance import endure
from tests.support.faults.trials import RESTORE, SNAPSHOT
from tests.support.projects.project import ThrowawayProject


@pytest.mark.long_on_compose
def test_snapshot(project: ThrowawayProject, rounds: int, luck: random.Random) -> None:
    endure(project, SNAPSHOT, rounds, luck)


def test_restore(project: ThrowawayProject, rounds: int, luck: random.Random) -> None:
    endure(project, RESTORE, rounds, luck)
