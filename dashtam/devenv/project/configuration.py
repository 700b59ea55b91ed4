"""What the env files say about the components: ports, names, credentials; one source for both engines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dashtam.devenv.components import SNAPSHOT_PREFIX, Mode
from dashtam.devenv.errors import EnvironmentMisused, list_problems
from dashtam.devenv.project.env_files import read_env_file
from dashtam.devenv.project.project import Project

PORT_SETTINGS: Final = ("APP_PORT", "CALLBACK_PORT", "POSTGRES_PORT", "REDIS_PORT")
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]{0,49}")
_TEST_DATABASE: Final = re.compile(r"dashtam_test(_[a-z0-9]+)?")
# What needs no escaping in a URL (RFC 3986, unreserved), in SQL, in a shell, in YAML: Compose pastes it into all five.
_PASSWORD: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_RESERVED: Final = frozenset({"postgres", "template0", "template1", "public", "none", "user", "current_user"})


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
    owners: dict[Mode, DatabaseOwner]
    redis_indexes: dict[Mode, int]
    redis_passwords: dict[Mode, str] = field(repr=False)
    """Of the Redis user that is called as the mode."""
    docker_host: str | None = None
    """The one Docker engine beyond this machine's own sockets that may be used: DASHTAM_DOCKER_HOST of `.env`."""

    def owner(self, mode: Mode) -> DatabaseOwner:
        """The database of a mode and its role."""
        return self.owners[mode]

    def redis_index(self, mode: Mode) -> int:
        """The Redis database of a mode."""
        return self.redis_indexes[mode]

    def redis_password(self, mode: Mode) -> str:
        """The password of the mode's Redis user; development's is that of the user `health` as well."""
        return self.redis_passwords[mode]

    def env_file(self, mode: Mode) -> Path:
        """The file that app and callback read in a mode."""
        return self.checkout / (".env.test" if mode.value == "testing" else ".env")


def read_configuration(project: Project) -> Configuration:
    """Read `.env` and `.env.test` of a checkout.

    Raises:
        EnvironmentMisused: a file is not understood, or settings are missing or malformed; all of them at once, by
            name.
    """
    development, testing = _read_files(project.checkout)
    reader = _Reader(development, testing)
    configuration = reader.read(project)
    if reader.problems:
        raise EnvironmentMisused(
            list_problems("settings refused", reader.problems),
            advice=f"edit .env or .env.test in {project.checkout}; .env.example shows what is expected",
        )
    return configuration


def _read_files(checkout: Path) -> tuple[dict[str, str], dict[str, str]]:
    read: list[dict[str, str]] = []
    problems: list[EnvironmentMisused] = []
    for name in (".env", ".env.test"):
        try:
            read.append(read_env_file(checkout / name))
        except EnvironmentMisused as problem:
            problems.append(problem)
    if problems:
        raise EnvironmentMisused("\n".join(map(str, problems)), advice=problems[0].advice)
    return read[0], read[1]


class _Reader:
    """Reads settings one by one and collects what is wrong with them."""

    def __init__(self, development: Mapping[str, str], testing: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._files = {".env": development, ".env.test": testing}

    def read(self, project: Project) -> Configuration:
        ports = self._ports()
        return Configuration(
            project=project.name,
            checkout=project.checkout,
            home=project.home,
            app_port=ports["APP_PORT"],
            callback_port=ports["CALLBACK_PORT"],
            postgres_port=ports["POSTGRES_PORT"],
            redis_port=ports["REDIS_PORT"],
            owners=dict(zip(Mode, self._owners(), strict=True)),
            redis_indexes=dict(zip(Mode, self._redis_indexes(), strict=True)),
            redis_passwords={
                Mode.DEVELOPMENT: self._password(".env", "REDIS_PASSWORD"),
                Mode.TESTING: self._password(".env.test", "TEST_REDIS_PASSWORD"),
            },
            docker_host=self._files[".env"].get("DASHTAM_DOCKER_HOST") or None,
        )

    def _value(self, file: str, name: str) -> str | None:
        value = self._files[file].get(name)
        if not value:
            self.problems.append(f"{name} is missing in {file}")
        return value or None

    def _ports(self) -> dict[str, int]:
        ports = {name: self._port(name) for name in PORT_SETTINGS}
        for place, name in enumerate(PORT_SETTINGS):
            twins = [other for other in PORT_SETTINGS[:place] if ports[other] == ports[name] != 0]
            self.problems += [
                f"{name} and {twin} are both {ports[name]}; expected two ports" for twin in twins
            ]
            if self._files[".env.test"].get(name, str(ports[name])) != str(ports[name]):
                self.problems.append(
                    f"{name} in .env.test differs from .env; both modes use the ports of .env"
                )
        return ports

    def _port(self, name: str) -> int:
        value = self._value(".env", name)
        if value is None:
            return 0
        if not re.fullmatch("[1-9][0-9]{0,4}", value) or int(value) > 65535:
            self.problems.append(f"{name} is {value[:20]!r}; expected a number, 1 to 65535")
            return 0
        return int(value)

    def _owners(self) -> tuple[DatabaseOwner, DatabaseOwner]:
        development = self._owner(".env", "POSTGRES")
        testing = self._owner(".env.test", "TEST_POSTGRES")
        if testing.database and not _TEST_DATABASE.fullmatch(testing.database):
            self.problems.append(
                f"TEST_POSTGRES_DB is {testing.database!r}; expected dashtam_test or dashtam_test_<suffix>"
            )
        if _TEST_DATABASE.fullmatch(development.database):
            self.problems.append(f"POSTGRES_DB is {development.database!r}, the name of a test database")
        if development.database.startswith(SNAPSHOT_PREFIX):
            self.problems.append(f"POSTGRES_DB is {development.database!r}, the name of a snapshot")
        if development.user == testing.user != "":
            self.problems.append(
                f"POSTGRES_USER and TEST_POSTGRES_USER are both {testing.user!r}; expected two"
            )
        return development, testing

    def _owner(self, file: str, prefix: str) -> DatabaseOwner:
        return DatabaseOwner(
            self._identifier(file, f"{prefix}_DB"),
            self._identifier(file, f"{prefix}_USER"),
            self._password(file, f"{prefix}_PASSWORD"),
        )

    def _identifier(self, file: str, name: str) -> str:
        value = self._value(file, name)
        if value is None:
            return ""
        if not _IDENTIFIER.fullmatch(value):
            self.problems.append(
                f"{name} is {value[:60]!r}; expected lower-case letters, digits and _, at most 50, no digit first"
            )
        if value in _RESERVED or value.startswith("pg_"):
            self.problems.append(f"{name} is {value!r}, which PostgreSQL keeps for itself; name another")
        return value

    def _password(self, file: str, name: str) -> str:
        value = self._value(file, name)
        if value is None:
            return ""
        if not _PASSWORD.fullmatch(value):
            self.problems.append(
                f"{name} has characters that need escaping; expected A-Z a-z 0-9 . _ ~ -, at most 128"
            )
        return value

    def _redis_indexes(self) -> tuple[int, int]:
        development, testing = self._redis_index(".env"), self._redis_index(".env.test")
        if development == testing:
            self.problems.append(f"REDIS_INDEX is {testing} in .env and in .env.test; expected two indexes")
        if testing == 0:
            self.problems.append("REDIS_INDEX is 0 in .env.test; expected 1 to 15, 0 is development's")
        return development, testing

    def _redis_index(self, file: str) -> int:
        value = self._value(file, "REDIS_INDEX")
        if value is None:
            return -1 if file == ".env" else -2
        if not re.fullmatch("[0-9]|1[0-5]", value):
            self.problems.append(f"REDIS_INDEX in {file} is {value[:20]!r}; expected 0 to 15")
            return -1 if file == ".env" else -2
        return int(value)
