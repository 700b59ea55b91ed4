"""The variables that either engine gives to the application's processes and to the database init scripts."""

from dataclasses import dataclass
from typing import Final

from dashtam.devenv.components import Mode
from dashtam.devenv.project.configuration import Configuration

INIT_SCRIPTS: Final = ("init-dev-db.sh", "init-test-db.sh")
"""In docker/ of the checkout; each makes one database and its role, as often as it is run."""


@dataclass(frozen=True)
class Place:
    """Host and port under which one component reaches another; `postgres:5432` in a container, loopback outside."""

    host: str
    port: int


def application_environment(
    configuration: Configuration,
    mode: Mode,
    *,
    postgres: Place,
    redis: Place,
    app: Place,
    authority: str,
    cluster_identifier: str | None,
) -> dict[str, str]:
    """Build the variables that the engine sets for app and callback; the rest they read from the env file.

    `app` is where the components reach the API, and `authority` the certificate that they trust it by: the sandbox is a
    provider there. docker-compose.yml and docker-compose.test.yml spell the same table; a test compares the two.
    """
    owner = configuration.owner(mode)
    cache = f"{redis.host}:{redis.port}/{configuration.redis_index(mode)}"
    environment = {
        "ENVIRONMENT": mode.value,
        "DATABASE_URL": (
            f"postgresql+asyncpg://{owner.user}:{owner.password}@{postgres.host}:{postgres.port}/{owner.database}"
        ),
        "REDIS_URL": f"redis://{mode.value}:{configuration.redis_password(mode)}@{cache}",
        "APP_URL": f"https://localhost:{configuration.app_port}",
        "CALLBACK_URL": f"https://localhost:{configuration.callback_port}",
        "SANDBOX_SERVER": f"{app.host}:{app.port}",
        "EXTRA_CA_FILE": authority,
    }
    if mode is Mode.TESTING:
        development = configuration.owner(Mode.DEVELOPMENT)
        environment["DEVELOPMENT_DATABASE"] = f"{postgres.host}:{postgres.port}/{development.database}"
        if cluster_identifier is not None:
            environment["CLUSTER_IDENTIFIER"] = cluster_identifier
    return environment


def owner_variables(configuration: Configuration) -> dict[str, str]:
    """Build the variables of both scripts."""
    development, testing = configuration.owner(Mode.DEVELOPMENT), configuration.owner(Mode.TESTING)
    return {
        "DEV_POSTGRES_DB": development.database,
        "DEV_POSTGRES_USER": development.user,
        "DEV_POSTGRES_PASSWORD": development.password,
        "TEST_POSTGRES_DB": testing.database,
        "TEST_POSTGRES_USER": testing.user,
        "TEST_POSTGRES_PASSWORD": testing.password,
    }
