"""Which environment is meant: the checkout, its project name and its data folder."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dashtam.devenv.errors import EnvironmentMisused, EnvironmentRefused

DEFAULT_PROJECT: Final = "dashtam"
_DATA_OF_ROOT: Final = Path("/var/lib/dashtam")
# What Docker Compose takes, and short enough that container and network names stay readable.
_PROJECT: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True)
class Project:
    """One environment of one checkout."""

    name: str
    checkout: Path
    """The folder that holds tasks.py and the env files."""
    home: Path
    """The data folder of this project."""


def locate_project(checkout: Path, shell: Mapping[str, str]) -> Project:
    """Find the project that COMPOSE_PROJECT_NAME and DASHTAM_HOME of the shell name; creates nothing.

    Raises:
        EnvironmentMisused: the name is none that Docker Compose takes, or the folder is not absolute.
    """
    name = shell.get("COMPOSE_PROJECT_NAME") or DEFAULT_PROJECT
    if not _PROJECT.fullmatch(name):
        raise EnvironmentMisused(
            f"COMPOSE_PROJECT_NAME is {name!r}; expected lower-case letters, digits, - and _, at most 40, "
            "a letter or digit first",
            advice="export COMPOSE_PROJECT_NAME=dashtam",
        )
    return Project(name, checkout.resolve(), _data_folder(shell) / name)


def _data_folder(shell: Mapping[str, str]) -> Path:
    if named := shell.get("DASHTAM_HOME"):
        folder = Path(named).expanduser()
        if not folder.is_absolute() or not named.isprintable():
            raise EnvironmentMisused(
                f"DASHTAM_HOME is {named!r}; expected an absolute path",
                advice='export DASHTAM_HOME="$HOME/.local/share/dashtam"',
            )
        return folder
    if os.getuid() == 0:
        return _DATA_OF_ROOT
    import platformdirs

    return Path(platformdirs.user_data_dir("dashtam"))


def refuse_to_wipe_default(name: str) -> None:
    """Check that a project is one to be thrown away.

    Raises:
        EnvironmentRefused: it is the project that a developer works with.
    """
    if name == DEFAULT_PROJECT:
        raise EnvironmentRefused(
            f"the data of project {DEFAULT_PROJECT!r} is never wiped; expected a throw-away project",
            advice="name one in COMPOSE_PROJECT_NAME",
        )
