"""After any kill during `invoke up`, the next verb repairs, and development is unchanged."""

import random

import pytest

from tests.support.faults.endurance import endure
from tests.support.faults.trials import UP
from tests.support.projects.project import ThrowawayProject


@pytest.mark.long_on_compose
def test_up(project: ThrowawayProject, rounds: int, luck: random.Random) -> None:
    endure(project, UP, rounds, luck)
