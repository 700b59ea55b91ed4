"""Gives the acceptance tests an engine, and one environment that several of them share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashtam.devenv.components import EngineName
from tests.support.projects.embedded import throwaway_folder
from tests.support.projects.engines import CHOICE, chosen_engines
from tests.support.projects.project import ThrowawayProject, throwaway_project

ENGINES = chosen_engines()
_WITHOUT_ENGINE = Path(__file__).parent / "database"


def pytest_configure() -> None:
    # A shell makes what runs in its background deaf to Ctrl-C, and so would be every verb that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        only = getattr(metafunc.module, "ENGINE", None)
        chosen = [name for name in ENGINES if only in (None, name)]
        metafunc.parametrize("engine", chosen, ids=str, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what needs servers and no engine beside the embedded one alone, so that CI does not run it twice."""
    if EngineName.EMBEDDED in ENGINES:
        return
    left_out = [item for item in items if _WITHOUT_ENGINE in item.path.parents]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = [name for name in EngineName if name not in ENGINES]
    for name in left_out:
        terminalreporter.write_sep(
            "!", f"NOT TESTED: the {name} engine ({CHOICE} leaves it out, or `docker info` does not answer)"
        )
    if EngineName.EMBEDDED in left_out:
        terminalreporter.write_sep(
            "!", f"NOT TESTED: {_WITHOUT_ENGINE.name}, which runs with the embedded engine"
        )


@pytest.fixture(scope="session", name="folder")
def _folder() -> Iterator[Path]:
    with throwaway_folder() as folder:
        yield folder


@pytest.fixture(scope="session", name="shared")
def _shared(engine: EngineName, folder: Path) -> Iterator[ThrowawayProject]:
    """A project that tests of one engine share; each of them brings it where it needs it."""
    with throwaway_project(engine, folder, "shared") as project:
        yield project


@pytest.fixture(name="development")
def _development(shared: ThrowawayProject) -> ThrowawayProject:
    """The shared project with development up, wherever the last test left it."""
    status = shared.status() if shared.env_file.exists() else {"mode": None, "components": []}
    if status["mode"] == "testing":
        shared.done("down")
    if status["mode"] != "development" or {entry["health"] for entry in status["components"]} != {"healthy"}:
        shared.done("up")
    return shared


@pytest.fixture(name="fresh")
def _fresh(engine: EngineName, folder: Path) -> Iterator[ThrowawayProject]:
    """A project that never ran."""
    with throwaway_project(engine, folder, "fresh") as project:
        yield project
