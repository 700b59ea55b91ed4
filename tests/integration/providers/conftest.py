"""Runs the sandbox as a process, for the tests of adapters."""

from collections.abc import Iterator

import pytest

from dashtam.settings.model import TestSettings
from tests.support.banks.sandbox import Sandbox, serving_sandbox


@pytest.fixture(scope="module")
def sandbox(settings: TestSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with serving_sandbox(tmp_path_factory.mktemp("sandbox"), settings) as running:
        yield running
