"""The production image: small rights, no tools, and a health check that does not take any certificate."""

import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashtam.devenv.components import SERVERS, EngineName
from dashtam.devenv.project.env_files import read_env_file
from tests.support.checkout import CHECKOUT
from tests.support.projects.engines import chosen_engines
from tests.support.projects.project import ThrowawayProject, throwaway_project

pytestmark = pytest.mark.skipif(
    EngineName.COMPOSE not in chosen_engines(), reason="the compose engine is not tested here"
)
IMAGE = f"dashtam-production-test:{os.getpid()}"
CONTAINER = f"dashtam-production-{os.getpid()}"
CACHE = f"{CONTAINER}-redis"
USERS = CHECKOUT / "docker/redis-users.conf"
PASSWORD = secrets.token_urlsafe(24)
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp")


def docker(*words: str) -> str:
    """What the Docker client says."""
    return subprocess.check_output(["docker", *words], text=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module", name="image")
def _image() -> Iterator[str]:
    words = ("--quiet", "--target=production", "--build-arg=REVISION=abc", "--build-arg=VERSION=1.2.3")
    docker("build", *words, f"--file={CHECKOUT / 'docker/Dockerfile'}", f"--tag={IMAGE}", str(CHECKOUT))
    yield IMAGE
    docker("image", "rm", IMAGE)


@pytest.fixture(scope="module", name="project")
def _project(folder: Path) -> Iterator[ThrowawayProject]:
    """PostgreSQL and Redis for it, with a schema at head, and without development's data key, which is for it alone."""
    with throwaway_project(EngineName.COMPOSE, folder, "stores") as project:
        project.done("up")
        docker("stop", *(f"{project.name}-{server}" for server in SERVERS))
        docker("exec", f"{project.name}-postgres", "psql", "-c", "DELETE FROM encryption_keys")
        yield project


@pytest.fixture(scope="module", name="cache")
def _cache(project: ThrowawayProject) -> Iterator[str]:
    """A Redis of somebody's own, where production has a user with the rules of development's."""
    (rules,) = re.findall(r"^user development (.*)$", USERS.read_text(encoding="ascii"), re.MULTILINE)
    users = f"user default off\nuser production {rules.replace('development:', 'production:')} >{PASSWORD}\n"
    serve = ("sh", "-c", 'echo "$0" | exec redis-server -', users)
    docker("run", "--detach", f"--name={CACHE}", f"--network={project.name}_default", "redis:8", *serve)
    yield CACHE
    docker("rm", "--force", "--volumes", CACHE)


@pytest.fixture(scope="module", name="options")
def _options(project: ThrowawayProject, cache: str, folder: Path) -> list[str]:
    """What each process of production is given: its settings, its certificates, and no rights."""
    certificates = folder / "production-certificates"
    shutil.copytree(project.home / "certificates", certificates)
    (certificates / "server-key.pem").chmod(0o444)  # the image's own user reads it
    values = read_env_file(project.env_file)
    settings = folder / "production.env"
    settings.touch(mode=0o600)
    settings.write_text(
        "ENVIRONMENT=production\n"
        f"DATABASE_URL=postgresql+asyncpg://dashtam_user:{values['POSTGRES_PASSWORD']}@postgres:5432/dashtam\n"
        f"REDIS_URL=redis://production:{PASSWORD}@{cache}:6379/0\n"
        f"TOKEN_ENCRYPTION_KEYS={values['TOKEN_ENCRYPTION_KEYS']}\n"
        "APP_URL=https://localhost:8000\n"
        "CALLBACK_URL=https://localhost:8182\n"
        "SMTP_URL=smtps://dashtam:password@mail.example.com:465\n"
        "MAIL_FROM=dashtam@example.com\n"
    )
    network, volume = f"--network={project.name}_default", f"--volume={certificates}:/certificates:ro"
    return [network, volume, f"--env-file={settings}", *HARDENED]


@pytest.fixture(scope="module", name="container")
def _container(image: str, options: list[str]) -> Iterator[str]:
    docker("run", "--detach", f"--name={CONTAINER}", "--health-interval=1s", *options, image)
    yield CONTAINER
    docker("rm", "--force", CONTAINER)


def documented_processes() -> dict[str, tuple[list[str], list[str]]]:
    """The table of docs/production.md: each process, its command and its health check."""
    section = (CHECKOUT / "docs" / "production.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| `([^`]+)` \| `([^`]+)` \|$", section, re.MULTILINE)
    return {name: (command.split(), check.split()) for name, command, check in rows}


@pytest.mark.parametrize("name", ["API", "callback", "refresher"])
def test_each_documented_process_becomes_healthy(name: str, image: str, options: list[str]) -> None:
    command, check = documented_processes()[name]
    container = f"{CONTAINER}-{name.lower()}"
    docker("run", "--detach", f"--name={container}", *options, image, *command)
    try:
        deadline = time.monotonic() + 180
        while (
            answer := subprocess.run(
                ["docker", "exec", container, *check], capture_output=True, text=True, check=False
            )
        ).returncode:
            assert docker("inspect", "--format", "{{.State.Running}}", container) == "true\n", docker(
                "logs", container
            )
            assert time.monotonic() < deadline, answer.stdout
    finally:
        docker("rm", "--force", container)


def test_it_becomes_healthy_on_a_read_only_root_file_system(container: str) -> None:
    deadline = time.monotonic() + 180
    while (state := json.loads(docker("inspect", "--format", "{{json .State}}", container)))["Health"][
        "Status"
    ] != "healthy":
        assert state["Running"], docker("logs", container)
        assert time.monotonic() < deadline, state["Health"]["Log"][-1:]
    assert '"status"' in state["Health"]["Log"][-1]["Output"]


def test_it_is_ready_with_a_redis_user_that_has_its_own_keys_alone(container: str) -> None:
    check = ["python", "/opt/dashtam/healthcheck.py", "APP_URL", "8000", "/health/ready"]
    assert '"redis"' in docker("exec", container, *check)


def test_its_health_check_does_not_take_a_certificate_for_another_host(container: str) -> None:
    check = ["python", "/opt/dashtam/healthcheck.py", "APP_URL", "8000", "/health/live"]
    answer = subprocess.run(
        ["docker", "exec", "--env", "APP_URL=https://dashtam.invalid", container, *check],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert "certificate verify failed: Hostname mismatch" in answer.stdout


def test_it_runs_as_an_ordinary_user_without_a_compiler_or_an_installer(container: str) -> None:
    assert docker("exec", container, "id", "-u").strip() == "10001"
    found = docker("exec", container, "sh", "-c", "ls /opt/venv/bin; command -v gcc cc make || true").split()
    assert "hypercorn" in found
    assert not {name for name in found if name.startswith(("pip", "pytest")) or "gcc" in name}


def test_nothing_of_the_checkout_is_in_it_but_the_code(image: str) -> None:
    held = docker("run", "--rm", "--entrypoint=ls", image, "-A", "/app").split()
    assert sorted(held) == ["dashtam", "migrations", "pyproject.toml"]
    history = docker("history", "--no-trunc", image)
    assert "PASSWORD" not in history


def test_its_labels_say_what_it_was_built_from(image: str) -> None:
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.revision"] == "abc"
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert labels["org.opencontainers.image.licenses"] == "MIT"


def test_it_refuses_the_secrets_of_the_examples(image: str) -> None:
    example = CHECKOUT / ".env.example"
    weak = {
        "ENVIRONMENT": "production",
        "DATABASE_URL": "postgresql://dashtam_user:secure_password_change_me@postgres:5432/dashtam",
        "REDIS_URL": "redis://:redis_password_change_me@redis:6379/0",
    }
    told = [f"--env-file={example}", *(f"--env={name}={value}" for name, value in weak.items())]
    load = "from dashtam.settings.loading import *; load_settings(Settings)"
    answer = subprocess.run(
        ["docker", "run", "--rm", *HARDENED, *told, image, "python", "-c", load],
        capture_output=True,
        text=True,
    )
    assert answer.returncode != 0
    for name in ("DEBUG", "DATABASE_URL", "REDIS_URL", "TOKEN_ENCRYPTION_KEYS", "SMTP_URL", "MAIL_FROM"):
        assert name in answer.stderr
