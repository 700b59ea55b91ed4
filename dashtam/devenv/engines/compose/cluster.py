"""The PostgreSQL cluster in its container: initialised and asked as its superuser, who enters by the socket alone."""

import csv
import io
from collections.abc import Mapping, Sequence

from dashtam.devenv.components import Component
from dashtam.devenv.engines.application import INIT_SCRIPTS, owner_variables
from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.engines.compose.command import inside, query, superuser_values
from dashtam.devenv.errors import EnvironmentFailed, failure_of
from dashtam.devenv.project.configuration import Configuration

_QUERY_SECONDS = 660.0  # longer than PostgreSQL works on one: a checksum reads every row
_SCRIPT_FOLDER = "/dashtam"  # docker/ of the checkout, as docker-compose.yml mounts it


def initialize_databases(client: Client, configuration: Configuration) -> None:
    """Run the init scripts, which make both roles and both databases and may be run again.

    Raises:
        EnvironmentFailed: names the script, with its output; EnvironmentRefused where a database is not ours.
    """
    for script in INIT_SCRIPTS:
        run_script(client, configuration, [script], owner_variables(configuration))


def run_script(
    client: Client, configuration: Configuration, words: Sequence[str], variables: Mapping[str, str]
) -> str:
    """Run a script of docker/ with its arguments, for as long as it takes; what it printed.

    Raises:
        EnvironmentFailed: names the script, with its output; EnvironmentRefused where a safety check said no.
    """
    script, *arguments = words
    command = inside(
        configuration,
        Component.POSTGRES,
        ["sh", f"{_SCRIPT_FOLDER}/{script}", *arguments],
        values=superuser_values(),
        secrets=sorted(variables),
    )
    answer = client.ask(command, more=variables, seconds=None)
    if answer.code != 0:
        raise failure_of(answer.code)(
            f"docker/{script} ended with {answer.code}:\n{answer.last_lines}",
            advice=f"invoke logs --component {Component.POSTGRES}",
        )
    return answer.output


def ask(client: Client, configuration: Configuration, database: str, sql: str) -> list[list[str]]:
    """Ask in a read-only session; rows of text, with NULL as the empty text.

    Raises:
        EnvironmentFailed: what PostgreSQL said.
    """
    answer = client.ask(query(configuration, database, sql), seconds=_QUERY_SECONDS)
    if answer.code != 0:
        raise EnvironmentFailed(f"postgres refused {sql!r}: {answer.complaint.strip()}")
    return list(csv.reader(io.StringIO(answer.output, newline="")))
