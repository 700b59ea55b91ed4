"""The compose files say what the engines mean: the same for each component on either engine."""

import os
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dashtam.devenv.components import SERVERS, STORES, Component, Mode
from dashtam.devenv.engines.application import Place, application_environment
from dashtam.devenv.engines.compose.plan import APP, AUTHORITY, POSTGRES, REDIS, reasons_to_refuse
from dashtam.devenv.engines.embedded.command import redis_configuration, redis_users
from dashtam.devenv.project.configuration import Configuration
from tests.support.checkout import CHECKOUT
from tests.support.projects.compose_files import (
    CLUSTER,
    has_compose,
    make_configuration,
    read_with_compose,
    read_with_yaml,
)

MODES = tuple(Mode)
Document = dict[str, Any]


@pytest.fixture(name="configuration", scope="module")
def _configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return make_configuration(tmp_path_factory.mktemp("compose"))


def read(configuration: Configuration, mode: Mode) -> Document:
    """Ask Compose where it is at hand, and read the YAML where it is not."""
    return read_with_compose(configuration, mode) if has_compose() else read_with_yaml(configuration, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reader", [read_with_yaml, read])
def test_compose_would_run_exactly_what_the_engine_means_to_run(
    configuration: Configuration, mode: Mode, reader: Callable[[Configuration, Mode], Document]
) -> None:
    document = reader(configuration, mode)
    assert reasons_to_refuse(document, configuration, mode, cluster_identifier=CLUSTER) == []


@pytest.mark.parametrize("mode", MODES)
def test_app_is_told_the_same_by_either_engine_but_for_where_the_others_are(
    configuration: Configuration, mode: Mode
) -> None:
    places = {
        "postgres": Place("127.0.0.1", configuration.postgres_port),
        "redis": Place("127.0.0.1", configuration.redis_port),
        "app": Place("127.0.0.1", configuration.app_port),
    }
    embedded = application_environment(
        configuration, mode, authority=AUTHORITY, cluster_identifier=CLUSTER, **places
    )
    compose = read(configuration, mode)["services"][Component.APP]["environment"]
    inside = {places["postgres"]: POSTGRES, places["redis"]: REDIS, places["app"]: APP}
    for local, place in inside.items():
        embedded = {
            name: value.replace(f"{local.host}:{local.port}", f"{place.host}:{place.port}")
            for name, value in embedded.items()
        }
    assert compose == embedded


def test_the_overlay_gives_testing_a_role_and_a_database_and_an_index_of_its_own(
    configuration: Configuration,
) -> None:
    told = {mode: read(configuration, mode)["services"][Component.APP]["environment"] for mode in MODES}
    for name in ("DATABASE_URL", "REDIS_URL"):
        development, testing = (urlsplit(told[mode][name]) for mode in MODES)
        assert development.path != testing.path
    users = {urlsplit(told[mode]["DATABASE_URL"]).username for mode in MODES}
    assert users == {configuration.owner(mode).user for mode in MODES}


@pytest.mark.parametrize("component", Component)
def test_the_overlay_adds_no_port_and_no_volume(configuration: Configuration, component: Component) -> None:
    development, testing = (read(configuration, mode)["services"][component] for mode in MODES)
    assert testing.get("ports") == development.get("ports")
    for service in (development, testing):
        service["data"] = [mount for mount in service["volumes"] if mount["type"] == "volume"]
    assert testing["data"] == development["data"]


def test_in_testing_the_env_file_of_app_is_that_of_the_tests(configuration: Configuration) -> None:
    app = read(configuration, Mode.TESTING)["services"][Component.APP]
    laid_over = [mount["source"] for mount in app["volumes"] if mount["target"] == "/app/.env"]
    assert laid_over == [str(configuration.checkout / ".env.test")]
    assert app["command"] == ["sleep", "infinity"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("component", Component)
def test_no_component_may_do_more_than_it_needs(
    configuration: Configuration, component: Component, mode: Mode
) -> None:
    service = read(configuration, mode)["services"][component]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["restart"] == "unless-stopped"
    assert service["deploy"]["resources"]["limits"].keys() >= {"memory", "pids"}
    assert service["user"] not in {"", "root", "0", "0:0"}
    assert all(
        mount["bind"]["create_host_path"] is False for mount in service["volumes"] if mount["type"] == "bind"
    )


@pytest.mark.parametrize("component", [*STORES, *SERVERS])
def test_every_component_of_development_has_a_health_check_and_a_mode(
    configuration: Configuration, component: Component
) -> None:
    service = read(configuration, Mode.DEVELOPMENT)["services"][component]
    assert service["healthcheck"]["test"]
    assert service["labels"]["dashtam.mode"] == Mode.DEVELOPMENT


def test_the_health_of_postgres_is_asked_over_tcp_as_the_application(configuration: Configuration) -> None:
    for mode in MODES:
        postgres = read(configuration, mode)["services"][Component.POSTGRES]
        owner = configuration.owner(mode)
        asked = {name: postgres["environment"][name] for name in ("PGHOST", "PGDATABASE", "PGUSER")}
        assert asked == {"PGHOST": "127.0.0.1", "PGDATABASE": owner.database, "PGUSER": owner.user}
        assert "psql" in postgres["healthcheck"]["test"]


def test_redis_keeps_an_append_only_file_on_either_engine() -> None:
    container = (CHECKOUT / "docker/redis-entrypoint.sh").read_text(encoding="utf-8")
    local = redis_configuration(Path("/data"), 6379, "")
    for line in ("appendonly yes", "appendfsync everysec"):
        assert line in container
        assert line in local


@pytest.mark.parametrize("mode", MODES)
def test_redis_has_the_same_users_on_either_engine(
    configuration: Configuration, mode: Mode, tmp_path: Path
) -> None:
    """The container's script is run with a server that prints the configuration it is given."""
    told = read(configuration, mode)["services"][Component.REDIS]["environment"]
    rules = CHECKOUT / "docker/redis-users.conf"
    script = (CHECKOUT / "docker/redis-entrypoint.sh").read_text(encoding="utf-8")
    (tmp_path / "docker-entrypoint.sh").write_text("#!/bin/sh\ncat\n")
    (tmp_path / "docker-entrypoint.sh").chmod(0o755)
    written = subprocess.run(
        ["sh"],
        input=script.replace("/dashtam/redis-users.conf", str(rules)),
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **told},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    container = [line for line in written.splitlines() if line.startswith("user ")]
    embedded = redis_users(rules.read_text(encoding="ascii"), configuration, mode).splitlines()
    for secret in {told["REDIS_PASSWORD"], told["REDISCLI_AUTH"]}:
        hashed = f" #{sha256(secret.encode()).hexdigest()}"
        container = [line.replace(f" >{secret}", hashed) for line in container]
    assert container == embedded
    assert [line.split()[1] for line in embedded] == ["default", "health", mode.value]
