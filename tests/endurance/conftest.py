"""Provides the endurance tests with an engine, a long-lived project, and the options `--rounds` and `--seed`."""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from dashtam.devenv.components import EngineName
from tests.support.projects.embedded import throwaway_folder
from tests.support.projects.engines import CHOICE, chosen_engines
from tests.support.projects.project import ThrowawayProject, store_something, throwaway_project

ENGINES: Final = chosen_engines()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rounds", type=int, help="how many faults each verb meets and how many sequences the soak has"
    )
    parser.addoption("--seed", type=int, default=1, help="the same seed draws the same faults and sequences")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long_on_compose: skipped on compose without --rounds")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--rounds"):
        return
    left_out = [item for item in items if item.get_closest_marker("long_on_compose") and _on_compose(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _on_compose(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and item.callspec.params["engine"] is EngineName.COMPOSE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        only = getattr(metafunc.module, "ENGINE", None)
        chosen = [name for name in ENGINES if only in (None, name)]
        metafunc.parametrize("engine", chosen, ids=str, scope="session")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.write_line(f"endurance: --seed {config.getoption('--seed')}")
    for name in (name for name in EngineName if name not in ENGINES):
        terminalreporter.write_sep(
            "!", f"NOT ENDURED: the {name} engine ({CHOICE} leaves it out, or `docker info` does not answer)"
        )
    skipped = {
        (report.nodeid.partition("::")[0], report.longrepr[2])
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple) and "empty parameter set" not in report.longrepr[2]
    }
    for file, reason in sorted(skipped):
        terminalreporter.write_sep("!", f"NOT ENDURED: {file} ({reason})")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # Report at once: the summary may come hours later.
    if report.failed and not os.environ.get("PYTEST_XDIST_WORKER"):
        print(f"\n{report.longreprtext}", file=sys.stderr, flush=True)  # noqa: T201


@pytest.fixture(scope="session", name="folder")
def _folder() -> Iterator[Path]:
    with throwaway_folder() as folder:
        yield folder


@pytest.fixture(scope="module", name="project")
def _project(engine: EngineName, folder: Path, request: pytest.FixtureRequest) -> Iterator[ThrowawayProject]:
    """One project for all tests of a file, with data in development."""
    file = request.path.stem.removeprefix("test_").replace("_", "-")
    with throwaway_project(engine, folder, file) as project:
        store_something(project)
        yield project


@pytest.fixture(name="luck")
def _luck(request: pytest.FixtureRequest) -> random.Random:
    """A random generator that is seeded with the seed and the name of the test."""
    return random.Random(f"{request.config.getoption('--seed')} {request.node.name}")


@pytest.fixture(name="rounds")
def _rounds(request: pytest.FixtureRequest) -> int:
    """The number of faults for each verb; the default is one, to keep CI short."""
    return request.config.getoption("--rounds") or 1
