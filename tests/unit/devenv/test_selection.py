"""The engine of a project is chosen once and never silently switched."""

import shutil
from pathlib import Path

import pytest

from dashtam.devenv.components import EngineName
from dashtam.devenv.errors import EnvironmentMisused, EnvironmentRefused
from dashtam.devenv.project.configuration import Configuration, read_configuration
from dashtam.devenv.project.project import Project
from dashtam.devenv.project.state import State
from dashtam.devenv.selection import select_engine
from tests.support.checkout import CHECKOUT

COMPOSE, EMBEDDED = EngineName.COMPOSE, EngineName.EMBEDDED


@pytest.fixture(name="configuration")
def _configuration(tmp_path: Path) -> Configuration:
    shutil.copy(CHECKOUT / ".env.test", tmp_path)
    shutil.copy(CHECKOUT / ".env.example", tmp_path / ".env")
    return read_configuration(Project("dashtam", tmp_path, tmp_path / "home"))


def recorded(engine: EngineName, *, data: bool = True) -> State:
    state = State().with_engine(engine, CHECKOUT)
    return state.with_cluster(engine, "1") if data else state


@pytest.mark.parametrize(
    ("option", "shell", "state", "chosen"),
    [
        ("embedded", {"DASHTAM_ENGINE": "compose"}, State(), EMBEDDED),
        (None, {"DASHTAM_ENGINE": "compose"}, State(), COMPOSE),
        (None, {}, recorded(COMPOSE), COMPOSE),
        (None, {}, recorded(EMBEDDED), EMBEDDED),
        ("embedded", {}, recorded(EMBEDDED), EMBEDDED),
        ("embedded", {}, recorded(COMPOSE, data=False), EMBEDDED),
    ],
)
def test_what_was_typed_beats_the_shell_which_beats_the_record(
    configuration: Configuration, option: str | None, shell: dict[str, str], state: State, chosen: EngineName
) -> None:
    assert select_engine(option, shell, state, configuration).name is chosen


def test_where_no_docker_engine_answers_it_is_embedded(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert select_engine(None, {}, State(), configuration).name is EMBEDDED


@pytest.mark.parametrize(("option", "shell"), [("compose", {}), (None, {"DASHTAM_ENGINE": "compose"})])
def test_a_switch_away_from_the_data_is_refused_with_the_way_out(
    configuration: Configuration, option: str | None, shell: dict[str, str]
) -> None:
    with pytest.raises(EnvironmentRefused, match="is in the engine embedded, not in compose") as refused:
        select_engine(option, shell, recorded(EMBEDDED), configuration)
    assert "COMPOSE_PROJECT_NAME=dashtam-compose invoke up --engine compose" in refused.value.advice


@pytest.mark.parametrize(
    ("option", "shell"), [("docker", {}), ("Compose", {}), (None, {"DASHTAM_ENGINE": "podman"})]
)
def test_an_engine_that_does_not_exist_is_named_with_those_that_do(
    configuration: Configuration, option: str | None, shell: dict[str, str]
) -> None:
    with pytest.raises(EnvironmentMisused, match="expected compose or embedded"):
        select_engine(option, shell, State(), configuration)
