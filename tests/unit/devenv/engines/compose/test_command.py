"""What the compose engine would run, and what it would never say to Docker."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.devenv.components import Component, Mode
from dashtam.devenv.engines.compose import command
from dashtam.devenv.project.configuration import Configuration
from tests.support.projects.compose_files import make_configuration

FORBIDDEN = {
    "-v",
    "--volumes",
    "--yes",
    "-y",
    "--remove-orphans",
    "--force",
    "-f",
    "prune",
    "--renew-anon-volumes",
}
POISON = {
    "DATABASE_URL": "postgresql://u:p@elsewhere/live",
    "PGHOST": "elsewhere",
    "PGSERVICE": "live",
    "COMPOSE_FILE": "evil.yml",
    "COMPOSE_PROJECT_NAME": "other",
    "COMPOSE_PROFILES": "evil",
    "COMPOSE_ENV_FILES": "evil.env",
    "DOCKER_HOST": "ssh://elsewhere",
    "POSTGRES_DB": "live",
    "CLUSTER_IDENTIFIER": "1",
    "CERTIFICATES": "/evil",
    "BUILDKIT_HOST": "tcp://elsewhere",
    "LD_PRELOAD": "/evil.so",
}


@pytest.fixture(name="configuration", scope="module")
def _configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return make_configuration(tmp_path_factory.mktemp("command"))


def every_command(configuration: Configuration) -> Iterator[list[str]]:
    for mode in Mode:
        yield command.compose(configuration, mode, "down")
        yield command.compose(configuration, mode, "stop", *Component)
        yield command.up(configuration, mode, tuple(Component))
        yield command.run_once(configuration, mode, Component.APP, ["true"])
    yield command.inside(configuration, Component.APP, ["true"], secrets=["NAME"])
    yield command.query(configuration, "dashtam", "SELECT 1")
    yield command.accepts_superuser(configuration)
    for component, name in command.volume_names(configuration).items():
        yield command.create_volume(configuration, component, name)


def test_nothing_that_removes_data_or_answers_a_question_is_ever_said(configuration: Configuration) -> None:
    for words in every_command(configuration):
        assert not FORBIDDEN & set(words), words


def test_compose_is_told_project_files_and_env_files_by_name(configuration: Configuration) -> None:
    checkout = configuration.checkout
    words = command.compose(configuration, Mode.TESTING, "config")
    assert words[: words.index("config")] == [
        "docker",
        "compose",
        "--project-name",
        "throwaway",
        "--project-directory",
        str(checkout),
        "--file",
        str(checkout / "docker-compose.yml"),
        "--file",
        str(checkout / "docker-compose.test.yml"),
        "--env-file",
        str(checkout / ".env"),
        "--env-file",
        str(checkout / ".env.test"),
    ]


def test_development_never_hears_of_the_test_files(configuration: Configuration) -> None:
    words = command.compose(configuration, Mode.DEVELOPMENT, "up")
    assert not any(word.endswith(("docker-compose.test.yml", ".env.test")) for word in words)


def test_no_command_line_holds_a_secret(configuration: Configuration) -> None:
    secrets = [
        *(configuration.redis_password(mode) for mode in Mode),
        *(configuration.owner(mode).password for mode in Mode),
    ]
    for words in every_command(configuration):
        assert not any(secret in word for secret in secrets for word in words)


def test_the_client_gets_nothing_of_the_shell_but_what_is_listed() -> None:
    shell = POISON | {"PATH": "/bin", "HOME": "/home/u", "LANG": "C"}
    assert command.base_environment(shell) == {"PATH": "/bin", "HOME": "/home/u", "LANG": "C"}


def test_only_the_question_for_the_endpoint_sees_where_the_shell_points() -> None:
    asked = command.endpoint_environment(POISON | {"PATH": "/bin"})
    assert asked == {"PATH": "/bin", "DOCKER_HOST": "ssh://elsewhere"}


def test_queries_run_in_a_session_that_cannot_write(configuration: Configuration) -> None:
    words = command.query(configuration, "dashtam", "SELECT 1")
    assert any(word.startswith("PGOPTIONS=-c default_transaction_read_only=on") for word in words)


def test_names_derive_from_the_project(configuration: Configuration) -> None:
    assert command.container_name(configuration, Component.POSTGRES) == "throwaway-postgres"
    assert command.volume_names(configuration) == {
        Component.POSTGRES: "throwaway-postgres",
        Component.REDIS: "throwaway-redis",
    }
    assert command.image_name(configuration) == "throwaway-app:development"


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_a_digest_tells_different_files_apart(left: list[bytes], right: list[bytes]) -> None:
    assert (command.digest(left) == command.digest(right)) == (left == right)
