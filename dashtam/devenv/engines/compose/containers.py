"""What Docker says about our containers, as plain data."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from dashtam.devenv.components import Component, Mode
from dashtam.devenv.engines.asking import HOPELESS_ENDS
from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.engines.compose.command import container_name
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused, list_problems
from dashtam.devenv.project.configuration import Configuration

MODE_LABEL: Final = "dashtam.mode"
_PROJECT_LABEL: Final = "com.docker.compose.project"
_SERVICE_LABEL: Final = "com.docker.compose.service"


@dataclass(frozen=True)
class Container:
    """One container as `docker inspect` describes it."""

    name: str
    status: str
    """created, running, paused, restarting, removing, exited or dead."""
    exit_code: int
    error: str
    restarts: int
    labels: dict[str, str]
    health: str
    """starting, healthy or unhealthy, as Docker's own check found; empty where there is none."""
    last_check: str
    """What that check said last."""

    @property
    def running(self) -> bool:
        """It runs now."""
        return self.status == "running"

    @property
    def mode(self) -> Mode | None:
        """The mode that it was started in."""
        try:
            return Mode(self.labels.get(MODE_LABEL, ""))
        except ValueError:
            return None

    @property
    def why_hopeless(self) -> str | None:
        """Why waiting for it makes no sense, or None."""
        if self.restarts >= HOPELESS_ENDS:
            return f"it ended {self.restarts} times, last with {self.exit_code}"
        if self.status in {"exited", "dead"}:
            return f"it ended with {self.exit_code} {self.error}".rstrip()
        return None

    def belongs_to(self, project: str, component: Component) -> bool:
        """Compose made it, for this project and this component."""
        return (self.labels.get(_PROJECT_LABEL), self.labels.get(_SERVICE_LABEL)) == (project, component)


def list_containers(client: Client, configuration: Configuration) -> list[Container]:
    """Ask Docker for the containers with our names, and for those that Compose calls our project's components."""
    names = [container_name(configuration, component) for component in Component]
    filters = (f"{_PROJECT_LABEL}={configuration.project}", "com.docker.compose.oneoff=False")
    listing = [
        "docker",
        "ps",
        "--all",
        "--format={{.Names}}",
        *(f"--filter=label={label}" for label in filters),
    ]
    listed = client.tell(listing).split()
    answer = client.ask(["docker", "container", "inspect", *dict.fromkeys([*names, *listed])])
    # It ends with 1 where one of them is missing, and describes the others all the same.
    if answer.code != 0 and "no such container" not in answer.complaint.lower():
        raise EnvironmentFailed(f"Docker does not answer:\n{answer.last_lines}", advice="docker info")
    found = parse(json.loads(answer.output or "[]"))
    return [one for one in found if one.name in names or one.labels.get(_SERVICE_LABEL) in set(Component)]


def by_component(containers: Iterable[Container], configuration: Configuration) -> dict[Component, Container]:
    """The container of each component: the one with its name, else one that a killed Compose left under another."""
    chosen: dict[Component, Container] = {}
    for component in Component:
        ours = [one for one in containers if one.belongs_to(configuration.project, component)]
        named = [one for one in containers if one.name == container_name(configuration, component)]
        if candidates := [*named, *ours]:
            chosen[component] = candidates[0]
    return chosen


def parse(documents: Iterable[dict[str, Any]]) -> Iterable[Container]:
    """Read the documents of `docker inspect`."""
    for document in documents:
        state = document["State"]
        health = state.get("Health") or {}
        checks = health.get("Log") or []
        yield Container(
            name=document["Name"].removeprefix("/"),
            status=state["Status"],
            exit_code=state["ExitCode"],
            error=state.get("Error", ""),
            restarts=document.get("RestartCount", 0),
            labels=document["Config"].get("Labels") or {},
            health=health.get("Status", ""),
            last_check=checks[-1]["Output"].strip() if checks else "",
        )


def refuse_strangers(containers: Iterable[Container], configuration: Configuration) -> None:
    """Check that nobody else's containers have our names, or our project's name.

    Raises:
        EnvironmentRefused: names each of them, and whose it is.
    """
    strangers = [
        f"{one.name} ({one.labels.get(_PROJECT_LABEL) or 'not made by Compose'})"
        for one in containers
        if one.mode is None or one.labels.get(_PROJECT_LABEL) != configuration.project
    ]
    if strangers:
        raise EnvironmentRefused(
            list_problems(
                f"expected containers of our project {configuration.project}; these belong to others",
                strangers,
            ),
            advice="rename or remove them yourself, or export COMPOSE_PROJECT_NAME="
            f"{configuration.project[:38]}-2 for an environment beside them",
        )


def end_leftovers(client: Client, containers: Iterable[Container], configuration: Configuration) -> None:
    """Remove what a Compose that was killed half-way through a restart left behind under a name of its own.

    The next `up` would adopt it, under that name. The data is in the volumes.
    """
    names = {container_name(configuration, component) for component in Component}
    for leftover in (one for one in containers if one.name not in names):
        client.tell(["docker", "stop", leftover.name])
        client.tell(["docker", "rm", leftover.name])
