"""An environment whose engine is in memory."""

import io
import shutil
from pathlib import Path

import pytest

from dashtam.devenv.project.configuration import PORT_SETTINGS, read_configuration
from dashtam.devenv.project.first_run import replace_values
from dashtam.devenv.project.project import Project
from dashtam.devenv.project.state import State
from dashtam.devenv.report import Report
from dashtam.devenv.session import Session
from tests.support.checkout import CHECKOUT
from tests.support.projects.fake_engine import FakeEngine
from tests.support.servers.ports import free_ports


@pytest.fixture(name="engine")
def _engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture(name="said")
def _said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(name="session")
def _session(tmp_path: Path, engine: FakeEngine, said: io.StringIO) -> Session:
    shutil.copy(CHECKOUT / ".env.test", tmp_path)
    ports = {name: str(port) for name, port in zip(PORT_SETTINGS, free_ports(4), strict=True)}
    (tmp_path / ".env").write_text(replace_values((CHECKOUT / ".env.example").read_text(), ports))
    project = Project("dashtam", tmp_path, tmp_path / "home")
    return Session(project, read_configuration(project), engine, State(), Report(said, said), {})
