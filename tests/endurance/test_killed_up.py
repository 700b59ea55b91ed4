"""Whatever is killed while `invoke up` is at work, the next verb heals and development has lost nothing."""

import random
from typing import Final

from tests.support.endurance import Trial, endure
from tests.support.project import ThrowawayProject

UP: Final = Trial(
    verb="up",
    beginnings=[["down"], []],
    heals=[["up"], ["down", "up"], ["test.setup", "test.clean", "up"]],
)


def test_up(project: ThrowawayProject, rounds: int, luck: random.Random) -> None:
    endure(project, UP, rounds, luck)
