"""The volumes that hold data: made by us, known by their labels, and never removed but from a throw-away project."""

import json
from pathlib import Path
from typing import Any

from dashtam.devenv.components import Component
from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.engines.compose.command import (
    COMPONENT_LABEL,
    HOME_LABEL,
    PROJECT_LABEL,
    create_volume,
    volume_names,
)
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused, list_problems
from dashtam.devenv.project.configuration import Configuration
from dashtam.devenv.project.state import state_path


def ensure_volumes(client: Client, configuration: Configuration) -> None:
    """Make the volumes that are missing.

    Raises:
        EnvironmentRefused: one is there, and was not made for this project and this component.
    """
    found = refuse_strangers(client, configuration)
    for component, name in volume_names(configuration).items():
        if component not in found:
            client.tell(create_volume(configuration, component, name))


def refuse_strangers(client: Client, configuration: Configuration) -> dict[Component, dict[str, Any]]:
    """Check that the volumes with our names are ours, and answer those that are there.

    Raises:
        EnvironmentRefused: one was not made for this project, this component and this data folder.
    """
    found: dict[Component, dict[str, Any]] = {}
    for component, name in volume_names(configuration).items():
        if (document := _inspect(client, name)) is not None:
            found[component] = document
    problems = [
        problem
        for component, document in found.items()
        for problem in (
            *differences(document, configuration.project, component),
            *other_homes(document, configuration.home),
        )
    ]
    if problems:
        raise EnvironmentRefused(
            list_problems("volumes that are not as we make them; nothing was changed", problems),
            advice=f"look at them with `docker volume inspect`; export COMPOSE_PROJECT_NAME="
            f"{configuration.project[:38]}-2 for an environment beside them",
        )
    return found


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


def other_homes(document: dict[str, Any], home: Path) -> list[str]:
    """Whose a volume is, where another data folder has a record of it; one that was moved here has none."""
    named = (document.get("Labels") or {}).get(HOME_LABEL, str(home))
    if named == str(home) or not _holds_record(Path(named)):
        return []
    return [f"{document['Name']} belongs to the data folder {named}, which has its secrets; expected {home}"]


def _holds_record(home: Path) -> bool:
    """An environment is there, or is hidden from us."""
    try:
        return state_path(home).exists()
    except PermissionError:
        return True


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
