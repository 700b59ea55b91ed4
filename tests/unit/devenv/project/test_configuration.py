"""The configuration of an environment is complete and safe, or refused as a whole."""

from pathlib import Path

import pytest

from dashtam.devenv.components import Mode
from dashtam.devenv.errors import EnvironmentMisused
from dashtam.devenv.project.configuration import Configuration, read_configuration
from dashtam.devenv.project.first_run import replace_values
from dashtam.devenv.project.project import Project, locate_project
from tests.support.checkout import CHECKOUT


@pytest.fixture(name="checkout")
def _checkout(tmp_path: Path) -> Path:
    ports = {"APP_PORT": "8000", "CALLBACK_PORT": "8182", "POSTGRES_PORT": "5432", "REDIS_PORT": "6379"}
    (tmp_path / ".env").write_text(replace_values((CHECKOUT / ".env.example").read_text(), ports))
    (tmp_path / ".env.test").write_text((CHECKOUT / ".env.test").read_text())
    return tmp_path


def read(checkout: Path, *, file: str = ".env", **changes: str) -> Configuration:
    path = checkout / file
    path.write_text(replace_values(path.read_text(), changes))
    return read_configuration(locate_project(checkout, {}))


def test_both_modes_share_ports_and_servers_but_no_database_role_or_index(checkout: Path) -> None:
    configuration = read(checkout)
    development, testing = configuration.owner(Mode.DEVELOPMENT), configuration.owner(Mode.TESTING)
    assert (development.database, development.user) == ("dashtam", "dashtam_user")
    assert (testing.database, testing.user) == ("dashtam_test", "dashtam_test_user")
    assert (configuration.redis_index(Mode.DEVELOPMENT), configuration.redis_index(Mode.TESTING)) == (0, 1)
    assert configuration.redis_password(Mode.TESTING) == "test_password"
    assert (configuration.app_port, configuration.callback_port) == (8000, 8182)
    assert configuration.env_file(Mode.TESTING).name == ".env.test"


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        (".env", {"APP_PORT": "80x"}, "APP_PORT is '80x'; expected a number, 1 to 65535"),
        (".env", {"APP_PORT": "65536"}, "APP_PORT is '65536'"),
        (".env", {"APP_PORT": "0"}, "APP_PORT is '0'"),
        (".env", {"APP_PORT": ""}, "APP_PORT is missing in .env"),
        (".env", {"APP_PORT": "8182"}, "CALLBACK_PORT and APP_PORT are both 8182"),
        (".env.test", {"APP_PORT": "9000"}, "APP_PORT in .env.test differs"),
        (".env", {"POSTGRES_DB": "Dashtam"}, "POSTGRES_DB is 'Dashtam'"),
        (".env", {"POSTGRES_DB": "dash-tam"}, "POSTGRES_DB is 'dash-tam'"),
        (".env", {"POSTGRES_DB": "d" * 51}, "at most 50"),
        (".env", {"POSTGRES_DB": "dashtam_test_2"}, "the name of a test database"),
        (".env", {"POSTGRES_DB": "template1"}, "which PostgreSQL keeps for itself"),
        (".env", {"POSTGRES_USER": "pg_monitor"}, "which PostgreSQL keeps for itself"),
        (".env", {"POSTGRES_USER": "postgres"}, "which PostgreSQL keeps for itself"),
        (".env", {"POSTGRES_USER": "dashtam_test_user"}, "are both 'dashtam_test_user'"),
        (".env", {"POSTGRES_PASSWORD": "'a b'"}, "POSTGRES_PASSWORD has characters that need escaping"),
        (".env", {"POSTGRES_PASSWORD": "a/b"}, "POSTGRES_PASSWORD has characters that need escaping"),
        (".env", {"REDIS_PASSWORD": "a@b"}, "REDIS_PASSWORD has characters that need escaping"),
        (".env.test", {"TEST_REDIS_PASSWORD": ""}, "TEST_REDIS_PASSWORD is missing in .env.test"),
        (".env", {"REDIS_INDEX": "1"}, "REDIS_INDEX is 1 in .env and in .env.test"),
        (".env", {"REDIS_INDEX": "16"}, "REDIS_INDEX in .env is '16'; expected 0 to 15"),
        (".env.test", {"REDIS_INDEX": "0"}, "REDIS_INDEX is 0 in .env.test"),
        (".env.test", {"TEST_POSTGRES_DB": "dashtam"}, "expected dashtam_test or dashtam_test_<suffix>"),
        (".env.test", {"TEST_POSTGRES_DB": "latest"}, "expected dashtam_test or dashtam_test_<suffix>"),
        (
            ".env.test",
            {"TEST_POSTGRES_DB": "dashtam_testimony"},
            "expected dashtam_test or dashtam_test_<suffix>",
        ),
    ],
)
def test_what_cannot_work_or_is_not_safe_is_refused_by_name(
    checkout: Path, file: str, changes: dict[str, str], reason: str
) -> None:
    with pytest.raises(EnvironmentMisused) as refused:
        read(checkout, file=file, **changes)
    assert reason in str(refused.value)


def test_everything_that_is_wrong_is_told_at_once(checkout: Path) -> None:
    (checkout / ".env.test").write_text("ENVIRONMENT=testing\n")
    with pytest.raises(EnvironmentMisused) as refused:
        read(checkout, APP_PORT="x", POSTGRES_USER="1st", REDIS_PASSWORD="")
    message = str(refused.value)
    for name in ("APP_PORT", "POSTGRES_USER", "REDIS_PASSWORD", "TEST_POSTGRES_DB", "TEST_POSTGRES_PASSWORD"):
        assert name in message


def test_two_files_that_are_not_understood_are_told_together(checkout: Path) -> None:
    (checkout / ".env").write_text("")
    (checkout / ".env.test").write_text("nonsense\n")
    with pytest.raises(EnvironmentMisused, match=r"(?s)\.env is empty.*\.env\.test is not understood"):
        read_configuration(locate_project(checkout, {}))


def test_no_password_shows_when_a_configuration_is_printed(checkout: Path) -> None:
    assert "hunter2" not in repr(read(checkout, POSTGRES_PASSWORD="hunter2", REDIS_PASSWORD="hunter2"))


def test_the_shell_names_project_and_data_folder_and_nothing_else(tmp_path: Path) -> None:
    shell = {"COMPOSE_PROJECT_NAME": "second", "DASHTAM_HOME": str(tmp_path), "POSTGRES_DB": "evil"}
    assert locate_project(tmp_path, shell) == Project("second", tmp_path.resolve(), tmp_path / "second")


@pytest.mark.parametrize("name", ["Dashtam", "../up", "-x", "a b", "x" * 41, "dash.tam", "ü"])
def test_a_project_name_that_docker_compose_would_not_take_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(EnvironmentMisused, match="COMPOSE_PROJECT_NAME"):
        locate_project(tmp_path, {"COMPOSE_PROJECT_NAME": name})


@pytest.mark.parametrize("folder", ["data", "./data", "/tmp/a\nb"])
def test_a_data_folder_that_depends_on_where_one_stands_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(EnvironmentMisused, match="DASHTAM_HOME"):
        locate_project(tmp_path, {"DASHTAM_HOME": folder})
