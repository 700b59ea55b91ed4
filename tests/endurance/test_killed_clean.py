"""Whatever is killed while `invoke test.clean` is at work, the next verb heals and development has lost nothing."""

import random

import pytest

from tests.support.faults.endurance import endure
from tests.support.faults.trials import CLEAN
from tests.support.projects.project import ThrowawayProject


@pytest.mark.long_on_compose
def test_clean(project: ThrowawayProject, rounds: int, luck: random.Random) -> None:
    endure(project, CLEAN, rounds, luck)
