"""What only containers can show: other people's containers and volumes, `docker compose` by hand, least privilege."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashtam.devenv.components import SERVERS, Component, EngineName, Mode
from tests.support.projects.engines import chosen_engines
from tests.support.projects.project import ThrowawayProject, throwaway_project

pytestmark = pytest.mark.skipif(
    EngineName.COMPOSE not in chosen_engines(), reason="the compose engine is not tested here"
)


def docker(*words: str, folder: Path | None = None) -> str:
    """What the Docker client says, called by hand."""
    return subprocess.check_output(
        ["docker", *words], cwd=folder, text=True, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )


@pytest.fixture(scope="module", name="project")
def _project(folder: Path) -> Iterator[ThrowawayProject]:
    with throwaway_project(EngineName.COMPOSE, folder, "compose") as project:
        project.done("up")
        yield project


@pytest.fixture(name="fresh")
def _fresh(folder: Path) -> Iterator[ThrowawayProject]:
    with throwaway_project(EngineName.COMPOSE, folder, "fresh") as project:
        yield project


@pytest.fixture(name="development")
def _development(project: ThrowawayProject) -> ThrowawayProject:
    if project.status()["mode"] == Mode.TESTING:
        project.done("test.clean")
    project.done("up")
    return project


def inspected(project: ThrowawayProject, component: Component) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(docker("container", "inspect", f"{project.name}-{component}"))[0]
    return document


@contextlib.contextmanager
def signals(prefix: str) -> Iterator[list[tuple[str, int]]]:
    """Which containers Docker sends which signal inside the block: SIGKILL ten seconds after what is not heard."""
    events = ["docker", "events", f"--since={time.time()}", "--filter=event=kill", "--format=json"]
    sent: list[tuple[str, int]] = []
    # Watched while they happen, since Docker remembers only the last 256 events, health checks included.
    with subprocess.Popen(events, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as watcher:
        yield sent
        watcher.terminate()
        assert watcher.stdout is not None
        for line in watcher.stdout:
            event = json.loads(line)["Actor"]["Attributes"]
            if event["name"].startswith(prefix):
                sent.append((event["name"], int(event["signal"])))


@contextlib.contextmanager
def volume(name: str, *options: str) -> Iterator[None]:
    docker("volume", "create", *options, name)
    try:
        yield
    finally:
        docker("volume", "rm", name)


def test_data_survives_docker_compose_down_with_volumes_by_hand(development: ThrowawayProject) -> None:
    before = development.dump()
    docker("compose", "--project-name", development.name, "down", "--volumes", folder=development.checkout)
    assert set(development.health().values()) == {"stopped"}
    development.done("up")
    assert development.dump() == before


def test_the_superuser_is_nobodys_role_when_testing_comes_first(fresh: ThrowawayProject) -> None:
    fresh.done("test.setup")
    assert fresh.ask("SELECT rolname FROM pg_roles WHERE rolsuper", database="postgres") == [["postgres"]]
    told = inspected(fresh, Component.POSTGRES)["Config"]["Env"]
    assert {"POSTGRES_DB=dashtam_test", "POSTGRES_USER=dashtam_test_user"} <= set(told)
    fresh.done("test.clean")
    fresh.done("up")
    owners = fresh.ask(
        "SELECT datname, rolname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE NOT rolsuper",
        database="postgres",
    )
    assert owners == [["dashtam", "dashtam_user"], ["dashtam_test", "dashtam_test_user"]]


def test_the_superuser_cannot_enter_over_the_network(development: ThrowawayProject) -> None:
    ask = [
        "psql",
        "--no-password",
        "--host=127.0.0.1",
        "--username=postgres",
        "--dbname=postgres",
        "-c",
        "SELECT 1",
    ]
    answer = subprocess.run(
        ["docker", "exec", f"{development.name}-postgres", *ask], capture_output=True, text=True
    )
    assert answer.returncode != 0
    assert "password authentication failed" in answer.stderr


def test_a_container_of_somebody_else_under_our_name_stops_up_and_is_left_alone(
    fresh: ThrowawayProject,
) -> None:
    stranger = f"{fresh.name}-redis"
    docker("create", "--name", stranger, "redis:8", "sleep", "infinity")
    try:
        answer = fresh.invoke("up")
        assert answer.code == 3, answer.output
        assert f"{stranger} (not made by Compose)" in answer.output
        assert "COMPOSE_PROJECT_NAME" in answer.last_line
        assert docker("ps", "--all", "--quiet", "--filter", f"name={fresh.name}-").split()[1:] == []
    finally:
        docker("rm", "--volumes", stranger)
    fresh.done("up")


def test_a_volume_of_another_make_is_refused_and_keeps_what_it_holds(fresh: ThrowawayProject) -> None:
    name = f"{fresh.name}-postgres"
    with volume(name, "--label", "dashtam.project=other"):
        docker("run", "--rm", "--volume", f"{name}:/data", "redis:8", "touch", "/data/canary")
        answer = fresh.invoke("up")
        assert answer.code == 3, answer.output
        assert f"{name}: label dashtam.project is 'other'" in answer.output
        kept = docker("run", "--rm", "--volume", f"{name}:/data", "redis:8", "ls", "/data")
        assert kept.split() == ["canary"]
    fresh.done("up")


def test_two_checkouts_run_side_by_side_and_one_does_not_disturb_the_other(
    development: ThrowawayProject, fresh: ThrowawayProject
) -> None:
    before = development.dump()
    fresh.done("test.setup")
    assert set(development.health().values()) == {"healthy"}
    assert fresh.health()["app"] == "idle"
    fresh.done("down")
    assert set(development.health().values()) == {"healthy"}
    assert development.dump() == before


def test_what_answers_health_checks_is_what_docker_calls_healthy(development: ThrowawayProject) -> None:
    deadline = time.monotonic() + 120
    for component in Component:
        while (health := inspected(development, component)["State"]["Health"]["Status"]) != "healthy":
            assert time.monotonic() < deadline, f"{component} is {health}"


def test_containers_have_no_privilege_that_they_do_not_need(development: ThrowawayProject) -> None:
    for component in Component:
        document = inspected(development, component)
        host = document["HostConfig"]
        assert host["ReadonlyRootfs"], component
        assert host["CapDrop"] == ["ALL"], component
        assert not host["CapAdd"], component
        assert host["SecurityOpt"] == ["no-new-privileges:true"], component
        assert host["Memory"] > 0, component
        assert host["PidsLimit"] > 0, component
        assert {binding["HostIp"] for ports in host["PortBindings"].values() for binding in ports} <= {
            "127.0.0.1"
        }
        assert document["Config"]["User"] == {
            Component.POSTGRES: "postgres",
            Component.REDIS: "redis",
        }.get(component, f"{os.getuid()}:{os.getgid()}")


def test_no_secret_stands_in_the_arguments_of_a_process(development: ThrowawayProject) -> None:
    lines = development.env_file.read_text(encoding="ascii").splitlines()
    secrets = [line.partition("=")[2] for line in lines if "PASSWORD=" in line or "KEYS=" in line]
    assert len(secrets) == 3
    for component in Component:
        shown = docker("top", f"{development.name}-{component}", "-eo", "pid,args")
        assert not [secret for secret in secrets if secret in shown], component


def test_a_switch_to_tests_and_back_waits_for_no_container_to_be_killed(
    development: ThrowawayProject,
) -> None:
    with signals(f"{development.name}-") as sent:
        for stopping in ("test.setup", "test.clean", "up", "down"):
            development.done(stopping)
    assert {name for name, _ in sent} == {f"{development.name}-{component}" for component in Component}
    assert not [name for name, number in sent if number == signal.SIGKILL]
    assert docker("ps", "--all", "--quiet", "--filter", f"name={development.name}-").split() == []


def test_an_edit_of_the_env_file_starts_the_servers_anew(development: ThrowawayProject) -> None:
    before = {component: inspected(development, component)["Id"] for component in Component}
    text = development.env_file.read_text(encoding="ascii")
    development.env_file.write_text(text.replace("LOG_LEVEL=INFO", "LOG_LEVEL=DEBUG"), encoding="ascii")
    development.done("up")
    renewed = {
        component for component in Component if inspected(development, component)["Id"] != before[component]
    }
    assert renewed == set(SERVERS)
    development.env_file.write_text(text, encoding="ascii")


def test_an_edit_of_the_source_is_served_without_a_restart_of_the_container(
    development: ThrowawayProject,
) -> None:
    before = inspected(development, Component.APP)["State"]["StartedAt"]
    module = development.checkout / "dashtam" / "callback" / "pages.py"
    module.write_text(f"{module.read_text(encoding='utf-8')}\n", encoding="utf-8")
    deadline = time.monotonic() + 120
    while "changed, restarting" not in docker("logs", "--tail", "20", f"{development.name}-callback"):
        assert time.monotonic() < deadline
    development.done("up")
    assert inspected(development, Component.APP)["State"]["StartedAt"] == before
