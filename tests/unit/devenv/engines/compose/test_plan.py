"""What Compose would run is read back, and every difference from what is meant is a reason to refuse."""

from collections.abc import Callable
from typing import Any

import pytest

from dashtam.devenv.components import Mode
from dashtam.devenv.engines.compose.plan import reasons_to_refuse
from dashtam.devenv.project.configuration import Configuration
from tests.support.projects.compose_files import CLUSTER, make_configuration, read_with_yaml

Document = dict[str, Any]
Change = Callable[[Document], object]


@pytest.fixture(name="configuration")
def _configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return make_configuration(tmp_path_factory.mktemp("plan"))


def reasons(configuration: Configuration, change: Change, mode: Mode = Mode.DEVELOPMENT) -> list[str]:
    document = read_with_yaml(configuration, mode)
    change(document)
    return reasons_to_refuse(document, configuration, mode, cluster_identifier=CLUSTER)


def service(name: str, key: str, value: object) -> Change:
    return lambda document: document["services"][name].update({key: value})


def told(component: str, name: str, value: str) -> Change:
    return lambda document: document["services"][component]["environment"].update({name: value})


def mounted(component: str, **mount: object) -> Change:
    return lambda document: document["services"][component]["volumes"].append(mount)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda document: document.update(name="other"), "the project is 'other'"),
        (lambda document: document["services"].pop("redis"), "the services are app, callback, postgres"),
        (lambda document: document["services"].update(evil={}), "the services are app, callback, evil"),
        (service("postgres", "container_name", "live"), "container_name is 'live'"),
        (service("app", "privileged", True), "privileged is True"),
        (service("app", "network_mode", "host"), "network_mode is 'host'"),
        (service("app", "cap_add", ["SYS_ADMIN"]), "cap_add is ['SYS_ADMIN']"),
        (service("app", "cap_drop", []), "cap_drop is []"),
        (service("redis", "security_opt", []), "security_opt is []"),
        (service("app", "image", "elsewhere/app"), "the image 'elsewhere/app'"),
        (service("redis", "ports", []), "ports is []"),
        (
            service("redis", "ports", [{"host_ip": "0.0.0.0", "published": "6379", "target": 6379}]),
            "ports is [('0.0.0.0', '6379', 6379)]",
        ),
        (service("postgres", "labels", {"dashtam.mode": "testing"}), "mode is 'testing'"),
        (mounted("app", type="bind", source="/", target="/host"), "app would mount /"),
        (
            mounted("app", type="bind", source="/var/run/docker.sock", target="/run/docker.sock"),
            "app would mount /var/run/docker.sock",
        ),
        (mounted("app", type="volume", source="postgres", target="/data"), "mount the volume 'postgres'"),
        (mounted("redis", type="npipe", source="x", target="/x"), "redis would mount a npipe"),
        (mounted("redis", type="volume", source="redis", target="/more"), "redis would keep its data in"),
        (service("postgres", "volumes", []), "postgres would keep its data in []"),
        (lambda document: document["volumes"]["postgres"].update(external=False), "the volumes"),
        (lambda document: document["volumes"]["postgres"].update(name="live"), "the volumes"),
        (lambda document: document["volumes"].update(more={"name": "more"}), "the volumes"),
        (told("app", "DATABASE_URL", "postgresql://u:hunter2@live/dashtam"), "app: DATABASE_URL"),
        (told("callback", "ENVIRONMENT", "production"), "callback: ENVIRONMENT"),
        (told("app", "TESTING", "true"), "app: TESTING is not what the env files say (unexpected)"),
        (told("postgres", "POSTGRES_USER", "postgres"), "postgres: POSTGRES_USER"),
        (told("redis", "REDIS_USER", "default"), "redis: REDIS_USER"),
        (told("redis", "REDISCLI_AUTH", "7"), "redis: REDISCLI_AUTH"),
    ],
)
def test_each_difference_is_a_reason(configuration: Configuration, change: Change, reason: str) -> None:
    found = reasons(configuration, change)
    assert len(found) == 1
    assert reason in found[0]
    assert "hunter2" not in found[0]


@pytest.mark.parametrize("mode", Mode)
def test_the_files_as_they_are_give_no_reason(configuration: Configuration, mode: Mode) -> None:
    assert reasons(configuration, lambda document: None, mode) == []


def test_the_callback_must_not_run_in_testing(configuration: Configuration) -> None:
    found = reasons(configuration, service("callback", "scale", 1), Mode.TESTING)
    assert found == ["callback would run in testing; expected scale 0"]


def test_testing_must_be_told_the_cluster_that_was_recorded(configuration: Configuration) -> None:
    found = reasons(configuration, told("app", "CLUSTER_IDENTIFIER", "666"), Mode.TESTING)
    assert found == ["app: CLUSTER_IDENTIFIER is not what the env files say (another value)"]


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("postgres", "POSTGRES_DB"),
        ("postgres", "POSTGRES_USER"),
        ("postgres", "PGPASSWORD"),
        ("redis", "REDIS_PASSWORD"),
        ("app", "DATABASE_URL"),
    ],
)
def test_each_variable_that_leads_to_data_must_be_there_and_as_meant(
    configuration: Configuration, name: str, variable: str
) -> None:
    told_otherwise = reasons(configuration, told(name, variable, "x"))
    assert f"{name}: {variable} is not what the env files say (another value)" in told_otherwise
    not_told = reasons(configuration, lambda plan: plan["services"][name]["environment"].pop(variable))
    assert any(reason.startswith(f"{name}: {variable} is not what the env files say") for reason in not_told)


@pytest.mark.parametrize("name", ["postgres", "redis", "app"])
def test_a_component_that_is_told_nothing_is_refused_in_words(
    configuration: Configuration, name: str
) -> None:
    found = reasons(configuration, service(name, "environment", None))
    assert found
    assert all(reason.startswith(f"{name}: ") for reason in found)


@pytest.mark.parametrize(
    ("name", "mode", "labels", "seen"),
    [
        ("app", Mode.DEVELOPMENT, None, "None"),
        ("callback", Mode.DEVELOPMENT, {"dashtam.mode": "testing"}, "'testing'"),
        ("app", Mode.TESTING, {"dashtam.mode": "development"}, "'development'"),
        ("postgres", Mode.TESTING, {"dashtam.mode": "development"}, "'development'"),
    ],
)
def test_the_label_must_say_the_mode(
    configuration: Configuration, name: str, mode: Mode, labels: dict[str, str] | None, seen: str
) -> None:
    found = reasons(configuration, service(name, "labels", labels), mode)
    assert found == [f"{name}: mode is {seen}; expected '{mode}'"]


@pytest.mark.parametrize(
    ("name", "source"), [("redis", "postgres"), ("postgres", "redis"), ("app", "app"), ("app", "postgres")]
)
def test_a_component_mounts_its_own_volume_or_none(
    configuration: Configuration, name: str, source: str
) -> None:
    def change(document: Document) -> None:
        mounts = document["services"][name].setdefault("volumes", [])
        own = [mount for mount in mounts if mount["type"] == "volume"]
        for mount in own:
            mount["source"] = source
        if not own:
            mounts.append({"type": "volume", "source": source, "target": "/x"})

    assert reasons(configuration, change) == [f"{name} would mount the volume {source!r}"]


def test_a_plan_without_services_or_without_volumes_is_refused_in_words(configuration: Configuration) -> None:
    (reason,) = reasons(configuration, lambda document: document.pop("services"))
    assert reason.startswith("the services are ")
    (reason,) = reasons(configuration, lambda document: document.pop("volumes"))
    assert reason.startswith("the volumes (name, external) are {}")


def test_all_reasons_are_said_at_once(configuration: Configuration) -> None:
    def change(document: Document) -> None:
        service("app", "privileged", True)(document)
        service("redis", "network_mode", "host")(document)

    assert len(reasons(configuration, change)) == 2
