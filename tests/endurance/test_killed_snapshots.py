"""Whatever is killed while a snapshot is taken or put back, there is one whole development, the old or the new."""

import random

import pytest

from tests.support.endurance import endure
from tests.support.project import ThrowawayProject
from tests.support.trials import RESTORE, SNAPSHOT


@pytest.mark.long_on_compose
def test_snapshot(project: ThrowawayProject, rounds: int, luck: random.Random) -> None:
    endure(project, SNAPSHOT, rounds, luck)


def test_restore(project: ThrowawayProject, rounds: int, luck: random.Random) -> None:
    endure(project, RESTORE, rounds, luck)
