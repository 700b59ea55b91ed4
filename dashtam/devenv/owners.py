"""What the init scripts are told: the two databases, and the role that owns each."""

from typing import Final

from dashtam.devenv.components import Mode
from dashtam.devenv.configuration import Configuration

INIT_SCRIPTS: Final = ("init-dev-db.sh", "init-test-db.sh")
"""In docker/ of the checkout; each makes one database and its role, as often as it is run."""


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
