"""Random sequences of all verbs on the embedded engine keep development unchanged, and end as the model predicts."""

from typing import Final

import pytest

from dashtam.devenv.components import EngineName
from tests.support.faults.soak import soak
from tests.support.projects.project import ThrowawayProject

ENGINE: Final = EngineName.EMBEDDED


def test_soak(project: ThrowawayProject, rounds: int, pytestconfig: pytest.Config) -> None:
    world = soak(project, rounds, pytestconfig.getoption("--seed"))
    print(f"{world.sequences} sequences, {world.steps} steps")  # noqa: T201 - the figures
