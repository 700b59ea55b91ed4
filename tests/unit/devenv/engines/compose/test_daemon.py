"""Which Docker engine is used, and why another one is not."""

from pathlib import Path

import pytest

from dashtam.devenv.engines.compose.daemon import connect, parse_version, reason_to_refuse
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from tests.support.projects.docker_client import INSPECT_ENDPOINT, DockerClient


@pytest.fixture(name="docker")
def _docker(tmp_path: Path) -> DockerClient:
    return DockerClient(tmp_path)


def shell(docker: DockerClient, **more: str) -> dict[str, str]:
    return {"PATH": docker.path, **more}


@pytest.mark.parametrize(
    "endpoint",
    ["unix:///var/run/docker.sock", "unix:///home/u/.docker/run/docker.sock", "npipe:////./pipe/docker"],
)
def test_an_engine_of_this_machine_is_used(endpoint: str) -> None:
    assert reason_to_refuse(endpoint) is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "ssh://root@production",
        "tcp://10.0.0.1:2376",
        "tcp://127.0.0.1:2375",
        "http://localhost:2375",
        "unix://elsewhere/docker.sock",
        "fd://",
        "/var/run/docker.sock",
        "",
    ],
)
def test_an_engine_elsewhere_is_refused_a_tunnel_included(endpoint: str) -> None:
    assert reason_to_refuse(endpoint) is not None


@pytest.mark.parametrize("variable", ["DOCKER_HOST", "DOCKER_CONTEXT"])
def test_a_remote_engine_is_refused_before_anything_is_asked_of_it(
    docker: DockerClient, variable: str
) -> None:
    docker.answer(INSPECT_ENDPOINT, "ssh://production\n")
    with pytest.raises(
        EnvironmentRefused, match="the Docker engine is ssh://production; expected one of this"
    ):
        connect(shell(docker, **{variable: "elsewhere"}))
    (only,) = docker.calls()
    assert only.words[:2] == ["context", "inspect"]
    assert only.environment[variable] == "elsewhere"


def test_the_one_address_that_the_env_file_allows_is_used_and_no_other(docker: DockerClient) -> None:
    docker.answer(INSPECT_ENDPOINT, "tcp://localhost:2375\n")
    assert connect(shell(docker), "tcp://localhost:2375")[1].endpoint == "tcp://localhost:2375"
    for allowed in ("tcp://localhost:2376", "tcp://localhost", "", None):
        with pytest.raises(EnvironmentRefused):
            connect(shell(docker), allowed)


def test_the_endpoint_that_was_checked_is_the_one_that_is_used(docker: DockerClient) -> None:
    docker.answer(INSPECT_ENDPOINT, "unix:///run/user/1000/docker.sock\n")
    client, daemon = connect(shell(docker, DOCKER_CONTEXT="rootless", COMPOSE_FILE="evil.yml"))
    assert daemon.endpoint == "unix:///run/user/1000/docker.sock"
    client.ask(["docker", "compose", "version"])
    for call in docker.calls("compose"):
        assert call.environment["DOCKER_HOST"] == "unix:///run/user/1000/docker.sock"
        assert not {"DOCKER_CONTEXT", "COMPOSE_FILE"} & call.environment.keys()


def test_the_address_alone_is_asked_of_the_context(docker: DockerClient) -> None:
    connect(shell(docker))
    (question,) = docker.calls(*INSPECT_ENDPOINT)
    assert question.words[2:] == ["--format", "{{.Endpoints.docker.Host}}"]


def test_a_context_that_docker_does_not_know_is_told_in_its_words(docker: DockerClient) -> None:
    docker.answer(INSPECT_ENDPOINT, complaint='context "old" does not exist', code=1)
    with pytest.raises(
        EnvironmentFailed, match='does not know its own engine:\ncontext "old" does not exist'
    ):
        connect(shell(docker, DOCKER_CONTEXT="old"))


def test_root_in_a_rootless_engine_is_who_runs_it(docker: DockerClient) -> None:
    docker.answer(("info",), '["name=seccomp","name=rootless"]\n')
    assert connect(shell(docker))[1].rootless


def test_a_machine_without_docker_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="no program `docker` here") as failure:
        connect({"PATH": str(tmp_path)})
    assert "--engine embedded" in failure.value.advice


def test_the_old_docker_compose_alone_is_named_as_not_enough(tmp_path: Path) -> None:
    old = tmp_path / "docker-compose"
    old.touch(mode=0o755)
    with pytest.raises(EnvironmentFailed) as failure:
        connect({"PATH": str(tmp_path)})
    assert "version 1 is not enough" in failure.value.advice


def test_docker_without_compose_is_told_what_is_missing(docker: DockerClient) -> None:
    docker.answer(("compose", "version"), complaint="docker: 'compose' is not a docker command.", code=1)
    with pytest.raises(EnvironmentFailed, match="`docker compose` is not installed"):
        connect(shell(docker))


@pytest.mark.parametrize("version", ["2.23.3", "v2.3.0", "1.29.2", "nonsense"])
def test_an_older_compose_is_refused_by_version(docker: DockerClient, version: str) -> None:
    docker.answer(("compose", "version"), f"{version}\n")
    with pytest.raises(EnvironmentFailed, match=r"expected 2\.24 or newer"):
        connect(shell(docker))


@pytest.mark.parametrize(
    ("text", "version"),
    [("2.24.4", (2, 24)), ("v5.6.1\n", (5, 6)), ("2.26.1-4", (2, 26)), ("", (0, 0)), ("dev", (0, 0))],
)
def test_versions_are_read_as_packagers_write_them(text: str, version: tuple[int, int]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(("output", "code"), [("", 1), ("null\n", 0)])
def test_a_dead_engine_is_said_to_be_dead(docker: DockerClient, output: str, code: int) -> None:
    docker.answer(("info",), output, complaint="Cannot connect to the Docker daemon", code=code)
    with pytest.raises(EnvironmentFailed, match="no Docker engine answers at unix:") as failure:
        connect(shell(docker))
    assert failure.value.advice.startswith("start Docker")
    assert "embedded" not in failure.value.advice
