"""The PostgreSQL cluster in its container: initialised and asked as its superuser, who enters by the socket alone."""

import csv
import io

from dashtam.devenv.components import Component
from dashtam.devenv.compose.client import Client
from dashtam.devenv.compose.command import inside, query, superuser_values
from dashtam.devenv.configuration import Configuration
from dashtam.devenv.errors import EnvironmentFailed, failure_of
from dashtam.devenv.owners import INIT_SCRIPTS, owner_variables

_SCRIPT_FOLDER = "/dashtam"  # docker/ of the checkout, as docker-compose.yml mounts it


def initialize_databases(client: Client, configuration: Configuration) -> None:
    """Run the init scripts, which make both roles and both databases and may be run again.

    Raises:
        EnvironmentFailed: names the script, with its output; EnvironmentRefused where a database is not ours.
    """
    owners = owner_variables(configuration)
    for script in INIT_SCRIPTS:
        command = inside(
            configuration,
            Component.POSTGRES,
            ["sh", f"{_SCRIPT_FOLDER}/{script}"],
            values=superuser_values(),
            secrets=sorted(owners),
        )
        answer = client.ask(command, more=owners)
        if answer.code != 0:
            raise failure_of(answer.code)(
                f"docker/{script} ended with {answer.code}:\n{answer.last_lines}",
                advice=f"invoke logs --component {Component.POSTGRES}",
            )


def ask(client: Client, configuration: Configuration, database: str, sql: str) -> list[list[str]]:
    """Ask in a read-only session; rows of text, with NULL as the empty text.

    Raises:
        EnvironmentFailed: what PostgreSQL said.
    """
    answer = client.ask(query(configuration, database, sql))
    if answer.code != 0:
        raise EnvironmentFailed(f"postgres refused {sql!r}: {answer.complaint.strip()}")
    return list(csv.reader(io.StringIO(answer.output, newline="")))
