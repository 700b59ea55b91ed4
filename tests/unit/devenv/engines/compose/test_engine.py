"""The compose engine checks before it acts, and says what Docker said when it could not."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from dashtam.devenv.components import SERVERS, STORES, Component, Mode
from dashtam.devenv.engines.compose.engine import ComposeEngine
from dashtam.devenv.engines.compose.images import build_inputs
from dashtam.devenv.engines.engine import Health
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from dashtam.devenv.project.configuration import Configuration
from dashtam.devenv.project.state import State, save_state
from tests.support.projects.compose_files import make_configuration, read_with_yaml
from tests.support.projects.docker_client import INSPECT_CONTAINERS, DockerClient, container

# What removes data, ends a stranger's containers, or answers a question before it is asked.
REMOVES_OR_ANSWERS = {"-v", "--volumes", "-y", "--yes", "-f", "--force", "--remove-orphans", "prune"}
OURS = {"dashtam.project": "throwaway"}


@pytest.fixture(name="configuration", scope="module")
def _configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return make_configuration(tmp_path_factory.mktemp("engine"))


@contextmanager
def an_answer_waiting_on_standard_input() -> Iterator[None]:
    """What a developer typed ahead, or a script pipes in: a yes to whatever is asked."""
    reading, writing = os.pipe()
    os.write(writing, b"y\ny\ny\n")
    os.close(writing)
    before = os.dup(0)
    os.dup2(reading, 0)
    os.close(reading)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)


@pytest.fixture(name="docker")
def _docker(
    tmp_path: Path, configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DockerClient]:
    docker = DockerClient(tmp_path)
    monkeypatch.setenv("PATH", docker.path)
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/live")
    monkeypatch.setenv("POSTGRES_DB", "live")
    document = read_with_yaml(configuration, Mode.DEVELOPMENT)
    for server in SERVERS:
        document["services"][server]["environment"].pop("CLUSTER_IDENTIFIER", None)
    docker.answer(("config", "--format", "json"), json.dumps(document))
    with an_answer_waiting_on_standard_input():
        yield docker
    for call in docker.calls():
        assert not REMOVES_OR_ANSWERS & set(call.words), call.words
        assert call.stdin == "", "Docker could have asked, and would have been answered"
        assert not {"DATABASE_URL", "POSTGRES_DB"} & call.environment.keys()


@pytest.fixture(name="engine")
def _engine(docker: DockerClient, configuration: Configuration) -> ComposeEngine:
    return ComposeEngine(configuration)


def has_volumes(docker: DockerClient, **labels: str) -> None:
    for component in STORES:
        name = f"throwaway-{component}"
        document = {
            "Name": name,
            "Driver": "local",
            "Options": None,
            "Labels": labels
            and {
                **labels,
                "dashtam.component": component.value,
            },
        }
        docker.answer(("volume", "inspect", name), json.dumps([document]))


def test_what_compose_would_run_is_read_back_before_anything_starts(
    engine: ComposeEngine, docker: DockerClient, configuration: Configuration
) -> None:
    document = read_with_yaml(configuration, Mode.DEVELOPMENT)
    document["services"]["app"]["privileged"] = True
    docker.answer(("config", "--format", "json"), json.dumps(document))
    with pytest.raises(EnvironmentRefused, match="app: privileged is True"):
        engine.start(Mode.DEVELOPMENT, STORES)
    assert not docker.calls("up")


def test_compose_files_that_compose_does_not_understand_are_reported_in_its_words(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    docker.answer(("config", "--format", "json"), complaint="yaml: line 7: did not find key", code=15)
    with pytest.raises(EnvironmentFailed, match="yaml: line 7: did not find key"):
        engine.start(Mode.DEVELOPMENT, STORES)


def test_a_container_of_another_project_under_our_name_is_left_alone(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    stranger = container("postgres", labels={"com.docker.compose.project": "other"})
    docker.answer(INSPECT_CONTAINERS, json.dumps([stranger]))
    for act in (
        engine.prepare,
        lambda: engine.start(Mode.DEVELOPMENT, STORES),
        lambda: engine.stop(tuple(Component)),
        engine.wipe,
    ):
        with pytest.raises(EnvironmentRefused, match=r"throwaway-postgres \(other\)"):
            act()
    for word in ("up", "down", "stop", "volume"):
        assert not docker.calls(word)
    assert engine.statuses()[0].health is Health.STOPPED


def test_another_compose_project_of_our_name_is_left_alone(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    stranger = container("postgres", name="throwaway-postgres-1", labels={"dashtam.mode": ""})
    docker.answer(("ps", "--all"), "throwaway-postgres-1\n")
    docker.answer(INSPECT_CONTAINERS, json.dumps([stranger]))
    with pytest.raises(EnvironmentRefused, match=r"throwaway-postgres-1 \(throwaway\)"):
        engine.start(Mode.DEVELOPMENT, STORES)
    assert not docker.calls("rm")


def test_what_a_killed_compose_left_under_another_name_is_seen_and_ended(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    leftover = container("postgres", name="daf191a07013_throwaway-postgres")
    docker.answer(("ps", "--all"), "daf191a07013_throwaway-postgres\n")
    docker.answer(INSPECT_CONTAINERS, json.dumps([leftover]), complaint="No such container", code=1)
    docker.answer(("stop", "daf191a07013_throwaway-postgres"))
    docker.answer(("rm", "daf191a07013_throwaway-postgres"))
    assert engine.statuses()[0].process == "daf191a07013_throwaway-postgres"
    with pytest.raises(EnvironmentFailed):
        engine.prepare()
    acted = [
        call.words[0] for call in docker.calls() if call.words[1:] == ["daf191a07013_throwaway-postgres"]
    ]
    assert acted == ["stop", "rm"]


def test_missing_volumes_are_made_with_labels_and_images_with_progress(
    engine: ComposeEngine, docker: DockerClient, configuration: Configuration
) -> None:
    docker.answer(("volume", "inspect"), "[]", complaint="no such volume", code=1)
    docker.answer(("volume", "create"))
    docker.answer(("build", "app"))
    engine.prepare()
    assert [call.words[-1] for call in docker.calls("volume", "create")] == [
        "throwaway-postgres",
        "throwaway-redis",
    ]
    for call in docker.calls("volume", "create"):
        assert "dashtam.project=throwaway" in call.words
        assert f"dashtam.home={configuration.home}" in call.words
    (build,) = docker.calls("build", "app")
    assert build.environment["IMAGE_INPUTS"] == build_inputs(configuration)


def test_an_image_of_the_same_inputs_is_not_built_again(
    engine: ComposeEngine, docker: DockerClient, configuration: Configuration
) -> None:
    has_volumes(docker, **OURS)
    docker.answer(("image", "inspect"), f"{build_inputs(configuration)}\n")
    engine.prepare()
    assert not docker.calls("build", "app")
    assert not docker.calls("pull")


@pytest.mark.parametrize("labels", [{}, {"dashtam.project": "other"}])
def test_a_volume_that_we_did_not_make_is_refused_and_never_removed(
    engine: ComposeEngine, docker: DockerClient, labels: dict[str, str]
) -> None:
    has_volumes(docker, **labels)
    for act in (engine.prepare, engine.wipe):
        with pytest.raises(EnvironmentRefused, match=r"throwaway-postgres: label dashtam\.project is"):
            act()
    assert not docker.calls("volume", "rm")
    assert not docker.calls("volume", "create")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_volume_of_another_data_folder_is_ours_only_where_that_one_is_gone(
    engine: ComposeEngine, docker: DockerClient, configuration: Configuration, tmp_path: Path, is_there: bool
) -> None:
    """Another user of this machine, or another DASHTAM_HOME, with the same project name and other secrets."""
    other = tmp_path / "elsewhere"
    if is_there:
        save_state(other, State())
    has_volumes(docker, **OURS, **{"dashtam.home": str(other)})
    docker.answer(("image", "inspect"), f"{build_inputs(configuration)}\n")
    if not is_there:
        engine.prepare()
        return
    for act in (
        engine.prepare,
        lambda: engine.stop(SERVERS),
        lambda: engine.stop(tuple(Component)),
        engine.wipe,
    ):
        with pytest.raises(EnvironmentRefused, match=f"belongs to the data folder {other}"):
            act()
    for word in ("up", "down", "stop", "rm", "create"):
        assert not docker.calls(word)


def test_a_build_that_fails_says_so_and_what_to_look_at(engine: ComposeEngine, docker: DockerClient) -> None:
    has_volumes(docker, **OURS)
    docker.answer(("build", "app"), complaint="could not resolve host", code=17)
    with pytest.raises(EnvironmentFailed, match="throwaway-app:development could not be built") as failure:
        engine.prepare()
    assert "network" in failure.value.advice


def test_an_unhealthy_component_is_reported_with_its_check_and_its_last_lines(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    ended = container(
        "postgres",
        state={"Status": "exited", "ExitCode": 1, "Health": {"Log": [{"Output": "connection refused\n"}]}},
    )
    docker.answer(INSPECT_CONTAINERS, json.dumps([ended]))
    docker.answer(("up", "--detach"))
    docker.answer(("exec",), complaint="container is not running", code=1)
    docker.answer(("logs", "--timestamps"), "2026-11-23T10:00:00Z FATAL: no space left\n")
    with pytest.raises(EnvironmentFailed) as failure:
        engine.start(Mode.DEVELOPMENT, (Component.POSTGRES,))
    message = str(failure.value)
    assert (
        "postgres did not become healthy: it ended with 1; last answer: container is not running" in message
    )
    assert "its own health check said: connection refused" in message
    assert "FATAL: no space left" in message
    assert failure.value.advice == "invoke logs --component postgres"


def test_a_daemon_that_dies_half_way_is_an_error_and_not_a_stack_of_calls(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    docker.answer(("up", "--detach"), complaint="error during connect: EOF", code=1)
    with pytest.raises(EnvironmentFailed, match=r"(?s)ended with 1.*error during connect: EOF"):
        engine.start(Mode.DEVELOPMENT, STORES)


def test_a_daemon_that_does_not_answer_is_not_taken_for_containers_that_are_gone(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    docker.answer(INSPECT_CONTAINERS, complaint="Cannot connect to the Docker daemon", code=1)
    with pytest.raises(EnvironmentFailed, match="Cannot connect"):
        engine.statuses()


def test_a_command_whose_engine_went_away_did_not_end_as_commands_end(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    docker.answer(INSPECT_CONTAINERS, json.dumps([container("app")]))
    assert engine.execute(Component.APP, ["sh", "-c", "exit 255"], interactive=False) == 255
    docker.answer(("version",), complaint="Cannot connect to the Docker daemon", code=1)
    with pytest.raises(EnvironmentFailed, match="no Docker engine answers"):
        engine.execute(Component.APP, ["sh", "-c", "exit 255"], interactive=False)


def test_app_is_idle_in_testing_and_nobody_asks_it_for_its_health(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    docker.answer(INSPECT_CONTAINERS, json.dumps([container("app", labels={"dashtam.mode": "testing"})]))
    app = engine.statuses()[2]
    assert (app.component, app.health, app.mode) == (Component.APP, Health.IDLE, Mode.TESTING)
    assert app.address is None


@pytest.mark.parametrize(
    ("state", "health"),
    [
        ({"Status": "running", "Health": {"Status": "starting"}}, Health.STARTING),
        ({"Status": "running", "Health": {"Status": "healthy"}}, Health.UNHEALTHY),
        ({"Status": "restarting", "ExitCode": 1}, Health.UNHEALTHY),
        ({"Status": "paused"}, Health.UNHEALTHY),
        ({"Status": "exited", "ExitCode": 137}, Health.STOPPED),
        ({"Status": "created"}, Health.STOPPED),
    ],
)
def test_a_server_that_does_not_answer_is_starting_unhealthy_or_stopped_and_says_why(
    engine: ComposeEngine, docker: DockerClient, state: dict[str, object], health: Health
) -> None:
    docker.answer(INSPECT_CONTAINERS, json.dumps([container("callback", state=state)]))
    callback = engine.statuses()[3]
    assert callback.health is health
    assert callback.detail or state["Status"] == "created"


def test_stopping_some_keeps_the_rest_and_stopping_all_removes_containers_but_no_volume(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    docker.answer(INSPECT_CONTAINERS, json.dumps([container(component) for component in Component]))
    docker.answer(("stop",))
    docker.answer(("down",))
    engine.stop(SERVERS)
    engine.stop(tuple(Component))
    (some,), (everything,) = docker.calls("stop"), docker.calls("down")
    assert some.words[-4:] == ["stop", "app", "callback", "refresher"]
    assert everything.words[-1] == "down"


def test_stopping_nothing_asks_nothing_of_compose(engine: ComposeEngine, docker: DockerClient) -> None:
    engine.stop(tuple(Component))
    assert not docker.calls("compose", "--project-name")


def test_a_command_in_app_runs_inside_it_or_in_a_container_like_it(
    engine: ComposeEngine, docker: DockerClient
) -> None:
    docker.answer(("run", "--rm"), "beside\n")
    assert engine.capture(Component.APP, ["echo", "inside"]) == "beside\n"
    docker.answer(INSPECT_CONTAINERS, json.dumps([container("app")]))
    assert engine.capture(Component.APP, ["echo", "inside"]) == "inside\n"


def test_a_command_in_a_store_that_does_not_run_is_an_error(engine: ComposeEngine) -> None:
    with pytest.raises(EnvironmentFailed, match="postgres does not run"):
        engine.capture(Component.POSTGRES, ["psql"])


def test_passwords_reach_the_init_scripts_by_the_environment_alone(
    engine: ComposeEngine, docker: DockerClient, configuration: Configuration
) -> None:
    docker.answer(("exec",))
    engine.initialize_databases()
    calls = docker.calls("exec")
    assert [call.words[-1] for call in calls] == ["/dashtam/init-dev-db.sh", "/dashtam/init-test-db.sh"]
    for call in calls:
        for mode, prefix in ((Mode.DEVELOPMENT, "DEV"), (Mode.TESTING, "TEST")):
            password = configuration.owner(mode).password
            name = f"{prefix}_POSTGRES_PASSWORD"
            assert call.environment[name] == password
            assert call.words[call.words.index(name) - 1] == "--env"
            assert not any(password in word for word in call.words)


def test_a_script_that_refuses_makes_the_verb_refuse(engine: ComposeEngine, docker: DockerClient) -> None:
    docker.answer(("exec",), complaint="refused to make dashtam:\n  database dashtam is another's", code=3)
    with pytest.raises(EnvironmentRefused, match="database dashtam is another's"):
        engine.initialize_databases()


def test_the_default_project_is_never_wiped(docker: DockerClient, configuration: Configuration) -> None:
    from dataclasses import replace

    with pytest.raises(EnvironmentRefused, match="the data of project 'dashtam' is never wiped"):
        ComposeEngine(replace(configuration, project="dashtam")).wipe()
    assert not docker.calls()


def test_ctrl_c_ends_the_client_with_what_it_started(docker: DockerClient) -> None:
    from dashtam.devenv.engines.compose.client import Client

    (docker.folder / "docker").write_text("#!/bin/sh\nsleep 60 &\nsleep 0.5\nkill -INT $PPID\nwait\n")
    client = Client({"PATH": docker.path})
    with pytest.raises(KeyboardInterrupt):
        client.tell(["docker", "compose", "up"])
    left = [child for child in psutil.Process(os.getpid()).children() if child.name() == "docker"]
    assert not left
