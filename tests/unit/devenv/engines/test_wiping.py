"""Only a throw-away project is wiped, on either engine."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dashtam.devenv.components import Component
from dashtam.devenv.engines.compose.engine import ComposeEngine
from dashtam.devenv.engines.embedded.engine import EmbeddedEngine
from dashtam.devenv.engines.embedded.folders import Folders
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from dashtam.devenv.project.configuration import Configuration
from dashtam.devenv.project.project import refuse_to_wipe_default
from tests.support.projects.compose_files import make_configuration
from tests.support.projects.docker_client import INSPECT_CONTAINERS, DockerClient, container


@pytest.fixture(name="configuration")
def _configuration(tmp_path: Path) -> Configuration:
    return make_configuration(tmp_path)


@pytest.fixture(name="data")
def _data(configuration: Configuration) -> list[Path]:
    """A file in each of the folders that the embedded engine keeps data in, and the superuser's password."""
    folders = Folders(configuration.home)
    files = [folder / "file" for folder in (folders.cluster, folders.redis, folders.logs, folders.run)]
    for file in [*files, folders.superuser_password]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (folders.home / "certificates").mkdir()
    return [*files, folders.superuser_password]


@pytest.fixture(name="docker")
def _docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DockerClient:
    docker = DockerClient(tmp_path)
    monkeypatch.setenv("PATH", docker.path)
    return docker


def test_the_default_project_is_never_wiped(
    configuration: Configuration, data: list[Path], docker: DockerClient
) -> None:
    default = replace(configuration, project="dashtam")
    for engine in (EmbeddedEngine(default), ComposeEngine(default)):
        with pytest.raises(EnvironmentRefused, match="the data of project 'dashtam' is never wiped"):
            engine.wipe()
    assert all(file.exists() for file in data)
    assert docker.calls() == []


def test_a_project_of_another_name_may_be_wiped() -> None:
    refuse_to_wipe_default("dashtam-2")


def test_the_embedded_engine_removes_its_data_and_nothing_else(
    configuration: Configuration, data: list[Path]
) -> None:
    EmbeddedEngine(configuration).wipe()
    assert [file for file in data if file.exists()] == []
    assert (configuration.home / "certificates").is_dir()
    assert configuration.checkout.is_dir()
    EmbeddedEngine(configuration).wipe()


def test_the_embedded_engine_stops_before_it_removes(configuration: Configuration, data: list[Path]) -> None:
    stopped: list[tuple[set[Component], bool]] = []

    class Watched(EmbeddedEngine):
        def stop(self, components: Sequence[Component]) -> None:
            stopped.append((set(components), all(file.exists() for file in data)))
            super().stop(components)

    Watched(configuration).wipe()
    assert stopped == [(set(Component), True)]


def test_what_cannot_be_removed_is_told(configuration: Configuration) -> None:
    folders = Folders(configuration.home)
    folders.home.mkdir(parents=True)
    folders.redis.touch()
    with pytest.raises(EnvironmentFailed, match="throwaway/redis: Not a directory"):
        EmbeddedEngine(configuration).wipe()


def test_the_compose_engine_stops_before_it_removes(
    configuration: Configuration, docker: DockerClient
) -> None:
    docker.answer(INSPECT_CONTAINERS, json.dumps([container("postgres")]))
    for name in ("postgres", "redis"):
        labels = {"dashtam.project": "throwaway", "dashtam.component": name}
        found = [{"Name": f"throwaway-{name}", "Driver": "local", "Options": None, "Labels": labels}]
        docker.answer(("volume", "inspect", f"throwaway-{name}"), json.dumps(found))
    docker.answer(("volume", "rm"))
    docker.answer(("compose", "--project-name"))
    docker.answer(("down",))
    docker.answer(("image",))
    ComposeEngine(configuration).wipe()
    words = [" ".join(call.words) for call in docker.calls()]
    down = next(place for place, line in enumerate(words) if line.endswith(" down"))
    removed = [line for line in words[down:] if " rm " in line]
    assert removed[:2] == ["volume rm throwaway-postgres", "volume rm throwaway-redis"]
    assert any("throwaway-app" in line for line in removed[2:])
