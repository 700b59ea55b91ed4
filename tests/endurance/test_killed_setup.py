"""Whatever is killed while `invoke test.setup` is at work, the next verb heals and development has lost nothing."""

import random
from typing import Final

from tests.support.endurance import Trial, endure
from tests.support.project import ThrowawayProject

SETUP: Final = Trial(
    verb="test.setup",
    beginnings=[["down", "up"], ["down"], []],
    heals=[["test.setup"], ["test.clean", "up"], ["down", "up"]],
)


def test_setup(project: ThrowawayProject, rounds: int, luck: random.Random) -> None:
    endure(project, SETUP, rounds, luck)
