"""The first run writes `.env` once, with secrets that nobody has seen before."""

import shutil
from pathlib import Path

import pytest

from dashtam.devenv.components import EngineName
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from dashtam.devenv.project.configuration import PORT_SETTINGS, read_configuration
from dashtam.devenv.project.env_files import read_env_file
from dashtam.devenv.project.first_run import ensure_env_file, refuse_other_checkout
from dashtam.devenv.project.ports import choose_ports
from dashtam.devenv.project.project import Project
from dashtam.devenv.project.state import State
from dashtam.settings.token_keys import is_weak_key, is_weak_secret, parse_token_keys
from tests.support.checkout import CHECKOUT


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Project:
    for name in (".env.example", ".env.test"):
        shutil.copy(CHECKOUT / name, tmp_path)
    return Project("dashtam", tmp_path, tmp_path / "home")


def test_env_is_written_complete_private_and_with_strong_secrets(project: Project) -> None:
    notes = ensure_env_file(project, State())
    path = project.checkout / ".env"
    assert "fresh secrets" in notes[0]
    assert path.stat().st_mode & 0o777 == 0o600
    read_configuration(project)
    values = read_env_file(path)
    assert not is_weak_secret(values["POSTGRES_PASSWORD"])
    assert not is_weak_secret(values["REDIS_PASSWORD"])
    assert not any(map(is_weak_key, parse_token_keys(values["TOKEN_ENCRYPTION_KEYS"]).values()))
    assert list(values) == list(read_env_file(project.checkout / ".env.example"))


def test_two_first_runs_share_no_secret(project: Project) -> None:
    ensure_env_file(project, State())
    first = read_env_file(project.checkout / ".env")
    (project.checkout / ".env").unlink()
    ensure_env_file(project, State())
    second = read_env_file(project.checkout / ".env")
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "TOKEN_ENCRYPTION_KEYS"):
        assert first[name] != second[name]


def test_an_env_that_is_there_is_never_touched(project: Project) -> None:
    path = project.checkout / ".env"
    path.write_text("")
    assert ensure_env_file(project, State()) == []
    assert path.read_text() == ""


def test_a_lost_env_is_not_replaced_while_there_is_data_that_only_its_keys_can_open(project: Project) -> None:
    with pytest.raises(EnvironmentRefused, match="could not open the tokens"):
        ensure_env_file(project, State(clusters={EngineName.EMBEDDED: "1"}))
    assert not (project.checkout / ".env").exists()


def test_data_of_another_checkout_is_not_adopted(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    state = State().with_engine(EngineName.EMBEDDED, other)
    refuse_other_checkout(project, state)  # it has no .env: it was moved here, or is gone
    (other / ".env").touch()
    with pytest.raises(EnvironmentRefused, match=f"belongs to the checkout {other}"):
        refuse_other_checkout(project, state)


def test_a_busy_default_gives_way_to_the_next_free_port_that_no_other_component_wants() -> None:
    busy = {8000: "pid 7 (nginx)", 8001: "pid 8 (caddy)"}
    wanted = dict(zip(PORT_SETTINGS, (8000, 8002, 5432, 6379), strict=True))
    chosen = choose_ports(wanted, busy.get)
    assert chosen["APP_PORT"] == (8003, "pid 7 (nginx)")
    assert chosen["CALLBACK_PORT"] == (8002, None)


def test_where_no_port_is_free_it_is_said() -> None:
    with pytest.raises(EnvironmentFailed, match="no port above 65530 is free"):
        choose_ports({"APP_PORT": 65530}, lambda port: "pid 7 (nginx)")
