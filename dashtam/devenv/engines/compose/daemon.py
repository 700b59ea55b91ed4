"""Is there a Docker engine that we may use? Which one the shell means, and whether it is this machine's."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from dashtam.devenv.engines.compose.client import NO_CLIENT, START_DOCKER, Client
from dashtam.devenv.engines.compose.command import base_environment, endpoint_environment
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused

LEAST_COMPOSE: Final = (2, 24)
_LOCAL: Final = ("unix", "npipe")


@dataclass(frozen=True)
class Daemon:
    """A Docker engine that answers and that may be used."""

    endpoint: str
    rootless: bool
    """Root in its containers is the person who runs it."""


def connect(shell: Mapping[str, str], allowed: str | None = None) -> tuple[Client, Daemon]:
    """Find the engine that the shell means, and a client that can speak to no other.

    `allowed` is the one endpoint that may be used although it is none of this machine's sockets.

    Raises:
        EnvironmentFailed: no client, no Compose of our versions, or nobody answers.
        EnvironmentRefused: the engine is not on this machine.
    """
    if shutil.which("docker", path=shell.get("PATH")) is None:
        raise EnvironmentFailed("there is no program `docker` here", advice=_advice_for_missing(shell))
    endpoint = _find_endpoint(shell)
    if endpoint != allowed and (reason := reason_to_refuse(endpoint)):
        raise EnvironmentRefused(
            reason,
            advice="unset DOCKER_HOST DOCKER_CONTEXT, or docker context use default; if it is this machine's "
            "after all, write that address to DASHTAM_DOCKER_HOST in .env",
        )
    client = Client({**base_environment(shell), "DOCKER_HOST": endpoint})
    _check_compose(client, shell)
    return client, Daemon(endpoint, _ask_rootless(client, endpoint))


def _find_endpoint(shell: Mapping[str, str]) -> str:
    asking = Client(endpoint_environment(shell))
    command = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    answer = asking.ask(command)
    if answer.code != 0:
        raise EnvironmentFailed(f"Docker does not know its own engine:\n{answer.last_lines}")
    return answer.output.strip()


def reason_to_refuse(endpoint: str) -> str | None:
    """Why an endpoint must not be used, or None.

    A TCP port is refused on loopback as well: it may be a tunnel. An engine elsewhere would look for source and
    certificates in folders of its own.
    """
    parts = urlsplit(endpoint)
    if parts.scheme in _LOCAL and not parts.netloc:
        return None
    shown = f"{parts.scheme}://{parts.hostname or ''}" if parts.scheme else endpoint[:60]
    return f"the Docker engine is {shown}; expected one of this machine (unix:// or npipe://)"


def _check_compose(client: Client, shell: Mapping[str, str]) -> None:
    answer = client.ask(["docker", "compose", "version", "--short"])
    if answer.code != 0:
        raise EnvironmentFailed("`docker compose` is not installed", advice=_advice_for_missing(shell))
    seen = parse_version(answer.output)
    if seen < LEAST_COMPOSE:
        raise EnvironmentFailed(
            f"Docker Compose is {answer.output.strip()[:20]}; expected 2.24 or newer",
            advice="update the Docker Compose plugin, or use `--engine embedded`",
        )


def parse_version(text: str) -> tuple[int, int]:
    """Read `2.24.4`, `v5.6.1` or `2.26.1-4`; (0, 0) for anything else."""
    match = re.match(r"\s*v?(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _ask_rootless(client: Client, endpoint: str) -> bool:
    answer = client.ask(["docker", "info", "--format", "{{json .SecurityOptions}}"])
    if answer.code != 0 or answer.output.strip() in {"", "null"}:
        raise EnvironmentFailed(
            f"no Docker engine answers at {endpoint}:\n{answer.complaint.strip()}",
            # Not the other engine: this one was asked for by name, or holds the data.
            advice=START_DOCKER,
        )
    return "rootless" in answer.output


def _advice_for_missing(shell: Mapping[str, str]) -> str:
    if shutil.which("docker-compose", path=shell.get("PATH")):
        return f"`docker-compose` is here, but is no part of `docker`: version 1 is not enough; {NO_CLIENT}"
    return NO_CLIENT
