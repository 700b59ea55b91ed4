"""What the Docker client says is an answer, unless no Docker engine was there to give one."""

from pathlib import Path

import pytest

from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.errors import EnvironmentFailed
from tests.support.projects.docker_client import DockerClient

HOST = "unix:///run/engine.sock"
GONE = (
    f"Cannot connect to the Docker daemon at {HOST}. Is the docker daemon running?",
    f"failed to connect to the docker API at {HOST}; check if the path is correct",
)


@pytest.fixture(name="docker")
def _docker(tmp_path: Path) -> DockerClient:
    return DockerClient(tmp_path)


def client(docker: DockerClient) -> Client:
    return Client({"PATH": docker.path, "DOCKER_HOST": HOST})


@pytest.mark.parametrize("complaint", GONE)
def test_an_engine_that_went_away_is_no_answer_and_the_way_back_is_told(
    docker: DockerClient, complaint: str
) -> None:
    docker.answer(("image", "inspect"), complaint=complaint, code=1)
    with pytest.raises(EnvironmentFailed, match=f"no Docker engine answers at {HOST}") as failure:
        client(docker).ask(["docker", "image", "inspect", "postgres:18"])
    assert failure.value.advice.startswith("start Docker")


def test_an_engine_that_went_away_under_a_command_which_says_nothing_is_told(docker: DockerClient) -> None:
    docker.answer(("image", "inspect"), code=255)
    docker.answer(("version",), complaint=GONE[0], code=1)
    with pytest.raises(EnvironmentFailed, match=f"no Docker engine answers at {HOST}"):
        client(docker).ask(["docker", "image", "inspect", "postgres:18"])


def test_a_command_that_failed_because_its_engine_went_away_says_so(docker: DockerClient) -> None:
    docker.answer(("up", "--detach"), complaint="error during connect: EOF", code=1)
    docker.answer(("version",), complaint=GONE[0], code=1)
    with pytest.raises(EnvironmentFailed, match=f"no Docker engine answers at {HOST}"):
        client(docker).tell(["docker", "compose", "up", "--detach"])


def test_a_command_that_ends_like_a_lost_one_while_the_engine_is_there_is_an_answer(
    docker: DockerClient,
) -> None:
    docker.answer(("image", "inspect"), code=255)
    docker.answer(("version",), "28.2.2\n")
    assert client(docker).ask(["docker", "image", "inspect", "postgres:18"]).code == 255


def test_what_a_container_says_of_docker_is_an_answer(docker: DockerClient) -> None:
    docker.answer(("logs",), complaint=GONE[0])
    assert client(docker).ask(["docker", "logs", "app"]).complaint == GONE[0]


def test_another_failure_is_an_answer(docker: DockerClient) -> None:
    docker.answer(("image", "inspect"), complaint="Error: No such image: postgres:18", code=1)
    assert client(docker).ask(["docker", "image", "inspect", "postgres:18"]).code == 1
