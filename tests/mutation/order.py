"""The order in which tests meet a mutant: those that noticed the last ones first, weighed against what each costs."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

_KEPT: Final = 0.5
"""How much it counts one mutant later that a test noticed: what stands close together is often noticed by the same."""


class Order:
    """A plugin of pytest. Every run is a process of its own, so what it learns goes on to the next in a file.

    The time of another file says when the last test began.
    """

    def __init__(self, file: Path, progress: Path, *, again: bool = False) -> None:
        self._file = file
        self._progress = progress
        self._again = again
        """Only what has noticed anything is run, and nothing is learned."""
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self.seconds: dict[str, float] = known.get("seconds", {})
        self._noticed = {name: _KEPT * weight for name, weight in known.get("noticed", {}).items()}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put first what costs least for the chance that it notices."""
        if self._again:
            items[:] = [one for one in items if one.nodeid in self._noticed] or items[:1]
        chance = 1 / max(1, len(items))
        items.sort(
            key=lambda one: self.seconds.get(one.nodeid, 0) / (self._noticed.get(one.nodeid, 0) + chance)
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Show that there is progress; and keep what the test cost when it was run first, which is without a mutant."""
        self._progress.touch()
        began = time.monotonic()
        answer = yield
        self.seconds.setdefault(item.nodeid, time.monotonic() - began)
        return answer

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what noticed."""
        if report.failed:
            self._noticed[report.nodeid] = 1.0

    def pytest_sessionfinish(self) -> None:
        """Keep all that."""
        if self._again:
            return
        self._file.write_text(
            json.dumps({"seconds": self.seconds, "noticed": self._noticed}), encoding="utf-8"
        )


def progress(file: Path) -> Path:
    """The file whose time says when the last test began."""
    return file.with_suffix(".progress")
