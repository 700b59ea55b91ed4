"""The volumes that hold data: made by us, known by their labels, and never removed but from a throw-away project."""

import json
from typing import Any

from dashtam.devenv.components import Component
from dashtam.devenv.compose.client import Client
from dashtam.devenv.compose.command import (
    COMPONENT_LABEL,
    PROJECT_LABEL,
    create_volume,
    volume_names,
)
from dashtam.devenv.configuration import Configuration
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused, list_problems


def ensure_volumes(client: Client, configuration: Configuration) -> None:
    """Make the volumes that are missing.

    Raises:
        EnvironmentRefused: one is there, and was not made for this project and this component.
    """
    found = {name: _inspect(client, name) for name in volume_names(configuration).values()}
    problems = [
        problem
        for component, name in volume_names(configuration).items()
        if (document := found[name]) is not None
        for problem in differences(document, configuration.project, component)
    ]
    if problems:
        raise EnvironmentRefused(
            list_problems("volumes that are not as we make them; nothing was changed", problems),
            advice=f"look at them with `docker volume inspect`; export COMPOSE_PROJECT_NAME="
            f"{configuration.project[:38]}-2 for an environment beside them",
        )
    for component, name in volume_names(configuration).items():
        if found[name] is None:
            client.tell(create_volume(configuration, component, name))


def differences(document: dict[str, Any], project: str, component: Component) -> list[str]:
    """What a volume is, where it is not what we would make."""
    labels = document.get("Labels") or {}
    expected = {
        "driver": ("local", document.get("Driver")),
        "options": ({}, document.get("Options") or {}),
        f"label {PROJECT_LABEL}": (project, labels.get(PROJECT_LABEL)),
        f"label {COMPONENT_LABEL}": (component.value, labels.get(COMPONENT_LABEL)),
    }
    return [
        f"{document['Name']}: {what} is {seen!r}, expected {wanted!r}"
        for what, (wanted, seen) in expected.items()
        if wanted != seen
    ]


def remove_volumes(client: Client, configuration: Configuration) -> None:
    """Remove the volumes of a throw-away project; a stranger's volume stays.

    Raises:
        EnvironmentRefused: a volume of that name is not ours.
    """
    for component, name in volume_names(configuration).items():
        document = _inspect(client, name)
        if document is None:
            continue
        if problems := differences(document, configuration.project, component):
            raise EnvironmentRefused(list_problems("a stranger's volume is not removed", problems))
        client.tell(["docker", "volume", "rm", name])


def _inspect(client: Client, name: str) -> dict[str, Any] | None:
    answer = client.ask(["docker", "volume", "inspect", name])
    if answer.code == 0:
        return dict(json.loads(answer.output)[0])
    if "no such volume" in answer.complaint.lower():
        return None
    raise EnvironmentFailed(f"Docker does not answer:\n{answer.last_lines}", advice="docker info")
