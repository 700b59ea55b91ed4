"""Whatever is killed while `invoke test.clean` is at work, the next verb heals and development has lost nothing."""

import random
from typing import Final

from tests.support.endurance import Trial, endure
from tests.support.project import ThrowawayProject

CLEAN: Final = Trial(
    verb="test.clean",
    beginnings=[["test.setup"], ["down"]],
    heals=[["test.clean", "up"], ["test.setup"], ["down", "up"]],
)


def test_clean(project: ThrowawayProject, rounds: int, luck: random.Random) -> None:
    endure(project, CLEAN, rounds, luck)
