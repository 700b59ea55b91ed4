"""The order of the tests of a mutant: tests that killed recent mutants come first, weighed against their duration."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

_KEPT: Final = 0.5
"""The decay of a kill per mutant; it matters because neighboring mutants are often killed by the same test."""


class Order:
    """A plugin of pytest that keeps what it learns in a file, because every run is a separate process.

    The modification time of another file says when the last test began.
    """

    def __init__(self, file: Path, progress: Path, *, again: bool = False) -> None:
        self._file = file
        self._progress = progress
        self._again = again
        """Whether only the tests that have killed a mutant are run, without learning anything."""
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self.seconds: dict[str, float] = known.get("seconds", {})
        self._noticed = {name: _KEPT * weight for name, weight in known.get("noticed", {}).items()}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort tests by their duration in relation to their chance of killing the mutant."""
        if self._again:
            items[:] = [one for one in items if one.nodeid in self._noticed] or items[:1]
        chance = 1 / max(1, len(items))
        items.sort(
            key=lambda one: self.seconds.get(one.nodeid, 0) / (self._noticed.get(one.nodeid, 0) + chance)
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Record progress, and the duration of each test in its first run, which is without a mutant."""
        self._progress.touch()
        began = time.monotonic()
        result = yield
        self.seconds.setdefault(item.nodeid, time.monotonic() - began)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the tests that failed."""
        if report.failed:
            self._noticed[report.nodeid] = 1.0

    def pytest_sessionfinish(self) -> None:
        """Write the file for the next run."""
        if self._again:
            return
        self._file.write_text(
            json.dumps({"seconds": self.seconds, "noticed": self._noticed}), encoding="utf-8"
        )


def progress(file: Path) -> Path:
    """Return the file whose modification time says when the last test began."""
    return file.with_suffix(".progress")
