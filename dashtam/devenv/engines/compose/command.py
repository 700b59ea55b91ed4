"""What the compose engine runs: the only place that spells `docker` and `docker compose`; pure.

Never among these words: `--volumes` and `-v`, which remove data; `--yes`, which answers the question whether a volume
may be made anew; `--remove-orphans`, which ends a stranger's containers of the same project name.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from dashtam.devenv.components import Component, Mode
from dashtam.devenv.engines.engine import READ_ONLY
from dashtam.devenv.project.configuration import Configuration

BASE_FILE: Final = "docker-compose.yml"
TEST_FILE: Final = "docker-compose.test.yml"
PROJECT_LABEL: Final = "dashtam.project"
COMPONENT_LABEL: Final = "dashtam.component"
HOME_LABEL: Final = "dashtam.home"
SOCKET_FOLDER: Final = "/var/run/postgresql"
SUPERUSER: Final = "postgres"
# What the image of app, callback and refresher is made of in development; their code is mounted.
IMAGE_INPUTS: Final = (
    "constraints.txt",
    "docker/Dockerfile",
    "docker/healthcheck.py",
    "docker/requirements.py",
    "pyproject.toml",
)
# Whatever else the shell holds (DATABASE_URL, PG*, COMPOSE_*, the names in .env) stays there.
_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TERM", "TMPDIR", "USER", "XDG_RUNTIME_DIR")
ASKED_ONCE: Final = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
"""What says which Docker engine the shell means; that engine is used only where it is this machine's."""


def container_name(configuration: Configuration, component: Component) -> str:
    """`dashtam-postgres` and its like."""
    return f"{configuration.project}-{component}"


def volume_names(configuration: Configuration) -> dict[Component, str]:
    """The volumes that hold data."""
    return {
        component: f"{configuration.project}-{component}"
        for component in (Component.POSTGRES, Component.REDIS)
    }


def image_name(configuration: Configuration) -> str:
    """The image of app, callback and refresher."""
    return f"{configuration.project}-app:development"


def base_environment(shell: Mapping[str, str]) -> dict[str, str]:
    """Build what the Docker client gets of the invoking shell: an allow-list."""
    return {name: shell[name] for name in _PASSED_ON if name in shell}


def endpoint_environment(shell: Mapping[str, str]) -> dict[str, str]:
    """Build the environment of the one question which engine the shell means; its answer is then checked."""
    return {
        **base_environment(shell),
        **{name: shell[name] for name in ASKED_ONCE if name in shell},
    }


def compose_environment(
    configuration: Configuration,
    *,
    user: str,
    inputs: str,
    files: str,
    cluster_identifier: str | None,
) -> dict[str, str]:
    """Build what the compose files interpolate beside the env files."""
    return {
        "CERTIFICATES": str(configuration.home / "certificates"),
        "CONTAINER_USER": user,
        "IMAGE_INPUTS": inputs,
        "FILES_DIGEST": files,
        "CLUSTER_IDENTIFIER": cluster_identifier or "",
    }


def digest(contents: Iterable[bytes]) -> str:
    """A short name for what several files say."""
    whole = sha256()
    for content in contents:
        whole.update(sha256(content).digest())
    return whole.hexdigest()[:32]


def compose(configuration: Configuration, mode: Mode, *words: str) -> list[str]:
    """Build a `docker compose` command; nothing is left to the working folder or to the shell."""
    files = [BASE_FILE] if mode is Mode.DEVELOPMENT else [BASE_FILE, TEST_FILE]
    env_files = [".env"] if mode is Mode.DEVELOPMENT else [".env", ".env.test"]
    checkout = configuration.checkout
    return [
        "docker",
        "compose",
        "--project-name",
        configuration.project,
        "--project-directory",
        str(checkout),
        *(word for name in files for word in ("--file", str(checkout / name))),
        *(word for name in env_files for word in ("--env-file", str(checkout / name))),
        *words,
    ]


def up(configuration: Configuration, mode: Mode, components: Sequence[Component]) -> list[str]:
    """Build the command that starts components, again if they run with other settings."""
    words = ("up", "--detach", "--no-deps", "--no-build", "--pull", "never")
    return compose(configuration, mode, *words, *components)


def run_once(
    configuration: Configuration,
    mode: Mode,
    component: Component,
    words: Sequence[str],
    options: Sequence[str] = ("--no-TTY",),
) -> list[str]:
    """Build the command that runs words in a container of their own, like the component's."""
    quietly = ("--progress", "quiet")
    return compose(configuration, mode, *quietly, "run", "--rm", "--no-deps", *options, component, *words)


def inside(
    configuration: Configuration,
    component: Component,
    words: Sequence[str],
    *,
    values: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
    options: Sequence[str] = (),
) -> list[str]:
    """Build the command that runs words inside a running component.

    The values of `secrets` are taken from the client's environment, so that no argv shows them.
    """
    return [
        "docker",
        "exec",
        *options,
        *(word for name, value in (values or {}).items() for word in ("--env", f"{name}={value}")),
        *(word for name in secrets for word in ("--env", name)),
        container_name(configuration, component),
        *words,
    ]


def superuser_values(database: str = SUPERUSER) -> dict[str, str]:
    """Build the variables that make psql the superuser: by the socket, where the operating system vouches for it."""
    return {"PGHOST": SOCKET_FOLDER, "PGUSER": SUPERUSER, "PGDATABASE": database, "PGPASSWORD": ""}


def query(configuration: Configuration, database: str, sql: str) -> list[str]:
    """Build the command that asks postgres in a read-only session, as comma-separated rows."""
    words = ("psql", "--no-psqlrc", "--no-password", "--csv", "--tuples-only", "--set=ON_ERROR_STOP=1")
    return inside(
        configuration,
        Component.POSTGRES,
        [*words, f"--command={sql}"],
        values={**superuser_values(database), "PGOPTIONS": READ_ONLY},
    )


def accepts_superuser(configuration: Configuration) -> list[str]:
    """Build the question whether postgres is up for good: over TCP, where a first start's server does not listen."""
    ask = 'pg_isready --quiet --host=127.0.0.1 && exec psql --no-psqlrc --quiet --command=""'
    return inside(configuration, Component.POSTGRES, ["sh", "-c", ask], values=superuser_values())


def create_volume(configuration: Configuration, component: Component, name: str) -> list[str]:
    """Build the command that makes a volume which says whose it is."""
    labels = {
        PROJECT_LABEL: configuration.project,
        COMPONENT_LABEL: component.value,
        HOME_LABEL: str(configuration.home),
    }
    words = [word for label, value in labels.items() for word in ("--label", f"{label}={value}")]
    return ["docker", "volume", "create", *words, name]
