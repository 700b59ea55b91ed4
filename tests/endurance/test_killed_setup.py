"""Whatever is killed while `invoke test.setup` is at work, the next verb heals and development has lost nothing."""

import random

import pytest

from tests.support.endurance import endure
from tests.support.project import ThrowawayProject
from tests.support.trials import SETUP


@pytest.mark.long_on_compose
def test_setup(project: ThrowawayProject, rounds: int, luck: random.Random) -> None:
    endure(project, SETUP, rounds, luck)
