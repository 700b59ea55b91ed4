"""The first `up` of a checkout: `.env` from `.env.example`, with fresh secrets and free ports."""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dashtam.devenv.errors import EnvironmentMisused, EnvironmentRefused
from dashtam.devenv.project.configuration import PORT_SETTINGS
from dashtam.devenv.project.env_files import read_env_file
from dashtam.devenv.project.files import write_atomically
from dashtam.devenv.project.ports import choose_ports
from dashtam.devenv.project.project import Project
from dashtam.devenv.project.state import State, state_path

_KEY_BYTES: Final = 32
_PASSWORD_BYTES: Final = 24


def ensure_env_file(project: Project, state: State) -> list[str]:
    """Write `.env` where there is none; answers what a developer should know about it, one sentence each.

    Raises:
        EnvironmentRefused: there is data already, which only the secrets of a lost `.env` can open.
        EnvironmentMisused: `.env.example` is not understood.
    """
    path = project.checkout / ".env"
    if path.is_symlink() or path.exists():
        return []
    if state.clusters:
        raise EnvironmentRefused(
            f"{path} does not exist, but project {project.name} has data in {project.home}; fresh secrets could not "
            "open the tokens stored there",
            advice=f"copy the .env of {state.checkout} here, or begin another environment: "
            f"export COMPOSE_PROJECT_NAME={project.name[:38]}-2",
        )
    example = project.checkout / ".env.example"
    values = read_env_file(example)
    ports, notes = _choose(values)
    text = replace_values(example.read_text("ascii"), {**fresh_secrets(), **ports})
    write_atomically(path, text.encode("ascii"), mode=0o600)
    return [f"wrote {path} with fresh secrets", *notes]


def refuse_other_checkout(project: Project, state: State) -> None:
    """Check that the data of this project was not made by another checkout, whose `.env` has other secrets.

    Raises:
        EnvironmentRefused: another checkout that still exists made it.
    """
    if (
        state.checkout
        and Path(state.checkout) != project.checkout
        and (Path(state.checkout) / ".env").exists()
    ):
        raise EnvironmentRefused(
            f"project {project.name} belongs to the checkout {state.checkout} (recorded in "
            f"{state_path(project.home)}); expected {project.checkout}",
            advice=f"export COMPOSE_PROJECT_NAME={project.name[:38]}-2 for a second environment beside the first",
        )


def _choose(values: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    try:
        wanted = {name: int(values[name]) for name in PORT_SETTINGS}
    except (KeyError, ValueError) as error:
        raise EnvironmentMisused(
            f".env.example has no usable port: {error}", advice="git checkout .env.example"
        ) from None
    chosen = choose_ports(wanted)
    notes = [
        f"{name} is {port}, because {wanted[name]} is held by {holder}; recorded in .env"
        for name, (port, holder) in chosen.items()
        if holder is not None
    ]
    return {name: str(port) for name, (port, _) in chosen.items()}, notes


def fresh_secrets() -> dict[str, str]:
    """Make the secrets of a new `.env`: random, and plain enough for URLs and for every reader of env files."""
    key = base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return {
        "POSTGRES_PASSWORD": secrets.token_urlsafe(_PASSWORD_BYTES),
        "REDIS_PASSWORD": secrets.token_urlsafe(_PASSWORD_BYTES),
        "TOKEN_ENCRYPTION_KEYS": f"key-1:{key}",
    }


def replace_values(text: str, values: Mapping[str, str]) -> str:
    """Set values in the text of an env file; its comments and its order stay."""
    lines, missing = text.splitlines(), dict(values)
    for place, line in enumerate(lines):
        name = line.partition("=")[0]
        if name in missing:
            lines[place] = f"{name}={missing.pop(name)}"
    return "\n".join([*lines, *(f"{name}={value}" for name, value in missing.items()), ""])
