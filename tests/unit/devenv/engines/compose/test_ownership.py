"""What is not ours is told apart by name and label, and is neither stopped nor removed."""

import json
from pathlib import Path
from typing import Any

import pytest

from dashtam.devenv.components import Component
from dashtam.devenv.engines.compose.containers import (
    Container,
    by_component,
    end_leftovers,
    list_containers,
    parse,
    refuse_strangers,
)
from dashtam.devenv.engines.compose.volumes import differences, ensure_volumes, other_homes, remove_volumes
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from dashtam.devenv.project.configuration import Configuration
from dashtam.devenv.project.state import state_path
from tests.support.projects.compose_files import make_configuration
from tests.support.projects.docker_client import RecordingClient, container

OURS = {"dashtam.project": "throwaway"}
PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"


@pytest.fixture(name="configuration", scope="module")
def _configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return make_configuration(tmp_path_factory.mktemp("ownership"))


def volume(component: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever Docker may say
    labels = OURS | {"dashtam.component": component}
    return {"Name": f"throwaway-{component}", "Driver": "local", "Options": None, "Labels": labels} | changes


def containers(*documents: dict[str, Any]) -> list[Container]:
    return list(parse(documents))


def test_our_volume_has_no_difference() -> None:
    assert differences(volume("postgres"), "throwaway", Component.POSTGRES) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Driver": "nfs"}, "throwaway-postgres: driver is 'nfs', expected 'local'"),
        ({"Driver": None}, "throwaway-postgres: driver is None, expected 'local'"),
        ({"Options": {"device": "/x"}}, "throwaway-postgres: options is {'device': '/x'}, expected {}"),
        (
            {"Labels": {"dashtam.component": "postgres"}},
            "throwaway-postgres: label dashtam.project is None, expected 'throwaway'",
        ),
        (
            {"Labels": OURS | {"dashtam.component": "redis"}},
            "throwaway-postgres: label dashtam.component is 'redis', expected 'postgres'",
        ),
    ],
)
def test_each_difference_of_a_volume_is_told(changes: dict[str, Any], expected: str) -> None:
    assert differences(volume("postgres", **changes), "throwaway", Component.POSTGRES) == [expected]


def test_a_volume_without_labels_is_a_strangers() -> None:
    assert len(differences(volume("postgres", Labels=None), "throwaway", Component.POSTGRES)) == 2


def of_home(home: Path) -> dict[str, Any]:
    return volume("postgres", Labels=OURS | {"dashtam.component": "postgres", "dashtam.home": str(home)})


@pytest.fixture(name="elsewhere")
def _elsewhere(tmp_path: Path) -> Path:
    """Another data folder, with an environment in it."""
    home = tmp_path / "elsewhere"
    record = state_path(home)
    record.parent.mkdir(parents=True)
    record.touch()
    return home


def test_a_volume_of_another_data_folder_is_refused(configuration: Configuration, elsewhere: Path) -> None:
    client = RecordingClient()
    answer_volumes(client, of_home(elsewhere))
    with pytest.raises(EnvironmentRefused, match=f"belongs to the data folder {elsewhere}"):
        ensure_volumes(client, configuration)
    assert client.said("volume", "create") == []


@pytest.mark.parametrize("labels", [None, {}, OURS])
def test_a_volume_that_names_no_data_folder_belongs_to_no_other(
    elsewhere: Path, labels: dict[str, str] | None
) -> None:
    assert other_homes(volume("postgres", Labels=labels), elsewhere) == []


def test_a_volume_of_this_data_folder_and_one_that_was_moved_here_are_ours(
    elsewhere: Path, tmp_path: Path
) -> None:
    assert other_homes(of_home(elsewhere), elsewhere) == []
    assert other_homes(of_home(tmp_path / "moved away"), elsewhere) == []


def test_a_data_folder_that_nobody_may_look_into_may_hold_an_environment(
    elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", refuse)  # root, who runs the tests in CI, may look everywhere
    assert other_homes(of_home(elsewhere), tmp_path) != []


def answer_volumes(client: RecordingClient, *documents: dict[str, Any]) -> None:
    client.answer(("volume", "inspect"), complaint="Error: No such volume", code=1)
    for document in documents:
        client.answer(("volume", "inspect", document["Name"]), json.dumps([document]))


def test_our_volumes_are_removed_and_missing_ones_are_no_error(configuration: Configuration) -> None:
    client = RecordingClient()
    answer_volumes(client, volume("redis"))
    remove_volumes(client, configuration)
    assert client.said("volume", "rm") == [["docker", "volume", "rm", "throwaway-redis"]]


def test_a_strangers_volume_is_not_removed(configuration: Configuration) -> None:
    client = RecordingClient()
    answer_volumes(client, volume("postgres", Labels={}))
    with pytest.raises(EnvironmentRefused, match="a stranger's volume is not removed"):
        remove_volumes(client, configuration)
    assert client.said("volume", "rm") == []


def test_missing_volumes_are_made_and_present_ones_are_left_alone(configuration: Configuration) -> None:
    client = RecordingClient()
    answer_volumes(client, volume("postgres"))
    ensure_volumes(client, configuration)
    assert [words[-1] for words in client.said("volume", "create")] == ["throwaway-redis"]


def test_beside_a_strangers_volume_none_is_made(configuration: Configuration) -> None:
    client = RecordingClient()
    answer_volumes(client, volume("redis", Driver="nfs"))
    with pytest.raises(EnvironmentRefused, match="nothing was changed"):
        ensure_volumes(client, configuration)
    assert client.said("volume", "create") == []


def test_a_daemon_that_fails_is_not_taken_for_a_volume_that_is_missing(configuration: Configuration) -> None:
    client = RecordingClient()
    client.answer(("volume", "inspect"), complaint="Cannot connect to the Docker daemon", code=1)
    for act in (ensure_volumes, remove_volumes):
        with pytest.raises(EnvironmentFailed, match="Docker does not answer"):
            act(client, configuration)
    assert client.said("volume", "create") == client.said("volume", "rm") == []


def test_our_containers_are_no_strangers(configuration: Configuration) -> None:
    refuse_strangers(containers(*(container(name) for name in Component)), configuration)


@pytest.mark.parametrize(
    ("labels", "whose"),
    [
        ({PROJECT: "elsewhere"}, r"throwaway-postgres \(elsewhere\)"),
        ({PROJECT: ""}, r"throwaway-postgres \(not made by Compose\)"),
        ({"dashtam.mode": ""}, r"throwaway-postgres \(throwaway\)"),
    ],
)
def test_a_strangers_container_is_named_and_refused(
    configuration: Configuration, labels: dict[str, str], whose: str
) -> None:
    found = containers(container("postgres", labels=labels), container("redis"))
    with pytest.raises(EnvironmentRefused, match=whose):
        refuse_strangers(found, configuration)


def test_only_what_stands_under_another_name_is_a_leftover(configuration: Configuration) -> None:
    client = RecordingClient()
    found = containers(container("redis"), container("redis", name="0a1b_throwaway-redis"))
    end_leftovers(client, found, configuration)
    assert client.calls == [
        ["docker", "stop", "0a1b_throwaway-redis"],
        ["docker", "rm", "0a1b_throwaway-redis"],
    ]


def test_a_component_has_the_container_with_its_name_else_the_one_that_compose_calls_so(
    configuration: Configuration,
) -> None:
    named, left = container("redis"), container("redis", name="0a1b_throwaway-redis")
    stranger = container("app", name="x", labels={PROJECT: "elsewhere"})
    both = by_component(containers(left, named, stranger), configuration)
    assert {component: one.name for component, one in both.items()} == {Component.REDIS: "throwaway-redis"}
    alone = by_component(containers(left), configuration)
    assert {component: one.name for component, one in alone.items()} == {
        Component.REDIS: "0a1b_throwaway-redis"
    }


@pytest.mark.parametrize(
    ("labels", "ours"),
    [({}, True), ({PROJECT: "elsewhere"}, False), ({SERVICE: "redis"}, False)],
)
def test_a_container_belongs_to_its_project_and_component(labels: dict[str, str], ours: bool) -> None:
    (one,) = containers(container("app", labels=labels))
    assert one.belongs_to("throwaway", Component.APP) is ours


def test_containers_are_asked_for_by_name_and_by_project(configuration: Configuration) -> None:
    client = RecordingClient()
    client.answer(("ps", "--all"), "0a1b_throwaway-redis\nother\n")
    other = container("elsewhere", name="other")
    found = [container("redis", name="0a1b_throwaway-redis"), container("app"), other]
    client.answer(("container", "inspect"), json.dumps(found), complaint="Error: No such container", code=1)
    assert [one.name for one in list_containers(client, configuration)] == [
        "0a1b_throwaway-redis",
        "throwaway-app",
    ]
    (listing,) = client.said("ps", "--all")
    assert f"--filter=label={PROJECT}=throwaway" in listing
    (question,) = client.said("container", "inspect")
    assert set(question[3:]) == {
        *(f"throwaway-{name}" for name in Component),
        "0a1b_throwaway-redis",
        "other",
    }


def test_a_daemon_that_fails_is_not_taken_for_containers_that_are_gone(configuration: Configuration) -> None:
    client = RecordingClient()
    client.answer(("container", "inspect"), "[]", complaint="Cannot connect", code=1)
    with pytest.raises(EnvironmentFailed, match="Docker does not answer"):
        list_containers(client, configuration)
