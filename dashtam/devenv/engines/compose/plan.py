"""What Compose will run, read back from Compose itself, against what we mean to run."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final

from dashtam.devenv.components import AWAY_IN_TESTS, SERVERS, STORES, Component, Mode, is_away
from dashtam.devenv.engines.application import Place, application_environment
from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.engines.compose.command import compose, container_name, image_name, volume_names
from dashtam.devenv.project.configuration import Configuration
from dashtam.devenv.project.ports import component_ports

POSTGRES: Final = Place("postgres", 5432)
REDIS: Final = Place("redis", 6379)
APP: Final = Place("app", 8000)
AUTHORITY: Final = "/certificates/ca.pem"
_INSIDE: Final = {
    Component.POSTGRES: 5432,
    Component.REDIS: 6379,
    Component.APP: 8000,
    Component.CALLBACK: 8182,
}
_DATA_FOLDERS: Final = {Component.POSTGRES: "/var/lib/postgresql", Component.REDIS: "/data"}

Service = Mapping[str, Any]


def read_plan(
    client: Client, configuration: Configuration, mode: Mode, values: Mapping[str, str]
) -> dict[str, Any]:
    """Ask Compose what it makes of the compose files and the env files.

    Raises:
        EnvironmentFailed: it does not understand them; holds its words.
    """
    words = ("config", "--format", "json")
    return dict(json.loads(client.tell(compose(configuration, mode, *words), more=values)))


def reasons_to_refuse(
    document: Mapping[str, Any], configuration: Configuration, mode: Mode, *, cluster_identifier: str | None
) -> list[str]:
    """Everything in `docker compose config --format json` that we do not mean to run; no secret is quoted."""
    services = document.get("services") or {}
    if (seen := sorted(services)) != sorted(Component):
        return [f"the services are {', '.join(seen)}; expected {', '.join(sorted(Component))}"]
    reasons = [f"the project is {document.get('name')!r}; expected {configuration.project!r}"]
    if document.get("name") == configuration.project:
        reasons.clear()
    for component in Component:
        reasons += _of_component(services[component], component, configuration, mode)
    for component in STORES:
        reasons += _of_store(services[component], component, configuration, mode)
    reasons += _of_volumes(document.get("volumes") or {}, configuration)
    expected = server_environment(configuration, mode, cluster_identifier=cluster_identifier)
    for component in SERVERS if mode is Mode.DEVELOPMENT else (Component.APP,):
        reasons += _of_server(services[component], component, configuration, expected)
    for component in AWAY_IN_TESTS:
        if is_away(component, mode) and services[component].get("scale") != 0:
            reasons.append(f"{component} would run in testing; expected scale 0")
    return reasons


def server_environment(
    configuration: Configuration, mode: Mode, *, cluster_identifier: str | None
) -> dict[str, str]:
    """What runs our code is told this in a container; empty is what Compose makes of an identifier not known yet."""
    environment = application_environment(
        configuration,
        mode,
        postgres=POSTGRES,
        redis=REDIS,
        app=APP,
        authority=AUTHORITY,
        cluster_identifier=cluster_identifier,
    )
    return environment if mode is Mode.DEVELOPMENT else {"CLUSTER_IDENTIFIER": "", **environment}


def _of_component(
    service: Service, component: Component, configuration: Configuration, mode: Mode
) -> Iterator[str]:
    expected = {
        "container_name": container_name(configuration, component),
        "ports": _ports(configuration, component),
        "privileged": False,
        "network_mode": None,
        "cap_add": [],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mode": mode.value,
    }
    ports = [
        (port.get("host_ip"), port.get("published"), port.get("target")) for port in service.get("ports", [])
    ]
    seen = {
        "container_name": service.get("container_name"),
        "ports": ports,
        "privileged": service.get("privileged", False),
        "network_mode": service.get("network_mode"),
        "cap_add": service.get("cap_add", []),
        "cap_drop": service.get("cap_drop", []),
        "security_opt": service.get("security_opt", []),
        "mode": (service.get("labels") or {}).get("dashtam.mode"),
    }
    if is_away(component, mode):
        seen["mode"] = mode.value  # it does not run
    yield from _differences(component, expected, seen)
    yield from _of_mounts(service, component, configuration)


def _ports(configuration: Configuration, component: Component) -> list[tuple[str, str, int]]:
    port = component_ports(configuration).get(component)
    return [] if port is None else [("127.0.0.1", str(port), _INSIDE[component])]


def _of_mounts(service: Service, component: Component, configuration: Configuration) -> Iterator[str]:
    allowed = (configuration.checkout, configuration.home / "certificates")
    for mount in service.get("volumes", []):
        source = mount.get("source", "")
        if mount["type"] == "volume" and (component not in _DATA_FOLDERS or source != component):
            yield f"{component} would mount the volume {source!r}"
        elif mount["type"] == "bind" and not any(
            PurePath(source).is_relative_to(folder) for folder in allowed
        ):
            yield f"{component} would mount {source}; expected nothing but {' and '.join(map(str, allowed))}"
        elif mount["type"] not in {"volume", "bind"}:
            yield f"{component} would mount a {mount['type']}"


def _of_store(
    service: Service, component: Component, configuration: Configuration, mode: Mode
) -> Iterator[str]:
    mounted = [mount["target"] for mount in service.get("volumes", []) if mount["type"] == "volume"]
    if mounted != [_DATA_FOLDERS[component]]:
        yield f"{component} would keep its data in {mounted}; expected {_DATA_FOLDERS[component]}"
    environment = service.get("environment") or {}
    owner = configuration.owner(mode)
    if component is Component.POSTGRES:
        expected = {"POSTGRES_DB": owner.database, "POSTGRES_USER": owner.user, "PGPASSWORD": owner.password}
    else:
        expected = {
            "REDIS_USER": mode.value,
            "REDIS_PASSWORD": configuration.redis_password(mode),
            "REDISCLI_AUTH": configuration.redis_password(Mode.DEVELOPMENT),
        }
    yield from _secret_differences(component, expected, {name: environment.get(name) for name in expected})


def _of_server(
    service: Service, component: Component, configuration: Configuration, expected: Mapping[str, str]
) -> Iterator[str]:
    if service.get("image") != image_name(configuration):
        yield f"{component} would run the image {service.get('image')!r}; expected {image_name(configuration)!r}"
    yield from _secret_differences(component, expected, service.get("environment") or {})


def _of_volumes(volumes: Mapping[str, Any], configuration: Configuration) -> Iterator[str]:
    expected = {component.value: (name, True) for component, name in volume_names(configuration).items()}
    seen = {key: (volume.get("name"), volume.get("external", False)) for key, volume in volumes.items()}
    if seen != expected:
        yield f"the volumes (name, external) are {seen}; expected {expected}"


def _differences(
    component: Component, expected: Mapping[str, object], seen: Mapping[str, object]
) -> Iterator[str]:
    for what, wanted in expected.items():
        if seen[what] != wanted:
            yield f"{component}: {what} is {seen[what]!r}; expected {wanted!r}"


def _secret_differences(
    component: Component, expected: Mapping[str, str], seen: Mapping[str, str | None]
) -> Iterator[str]:
    for name in sorted({*expected, *seen}):
        if seen.get(name) != expected.get(name):
            how = "missing" if name not in seen else "unexpected" if name not in expected else "another value"
            yield f"{component}: {name} is not what the env files say ({how})"
