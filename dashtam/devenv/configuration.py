"""What the env files say about the components: ports, names, credentials; one source for both engines."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashtam.devenv.components import Mode


@dataclass(frozen=True)
class DatabaseOwner:
    """A database and the one role that owns it."""

    database: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Configuration:
    """The environment of one project: `.env` for development, `.env` with `.env.test` laid over it for testing."""

    project: str
    """COMPOSE_PROJECT_NAME of the shell, `dashtam` where it says nothing."""
    checkout: Path
    """The folder that holds tasks.py and the env files."""
    home: Path
    """The data folder of this project: DASHTAM_HOME, or the user data folder, and the project's name below it."""
    app_port: int
    callback_port: int
    postgres_port: int
    redis_port: int
    redis_password: str = field(repr=False)
    owners: "dict[Mode, DatabaseOwner]"
    redis_indexes: "dict[Mode, int]"

    def owner(self, mode: "Mode") -> DatabaseOwner:
        """The database of a mode and its role."""
        return self.owners[mode]

    def redis_index(self, mode: "Mode") -> int:
        """The Redis database of a mode."""
        return self.redis_indexes[mode]

    def env_file(self, mode: "Mode") -> Path:
        """The file that app and callback read in a mode."""
        return self.checkout / (".env.test" if mode.value == "testing" else ".env")
