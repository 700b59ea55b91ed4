"""A session of the superuser in a project's PostgreSQL that may write, which no verb offers."""

import os
import subprocess

from dashtam.devenv.components import Component, EngineName
from dashtam.devenv.engines.compose.command import inside, superuser_values
from dashtam.devenv.engines.embedded.cluster import superuser_environment
from dashtam.devenv.engines.embedded.folders import Folders
from dashtam.devenv.engines.embedded.launches import Launches
from tests.support.projects.project import ThrowawayProject

_PSQL = ("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c")


def run_as_superuser(
    project: ThrowawayProject, sql: str, *, database: str = "postgres"
) -> subprocess.CompletedProcess[str]:
    """Run one statement, and return the result of psql."""
    configuration = project.configuration
    if project.engine_name is EngineName.COMPOSE:
        command = inside(configuration, Component.POSTGRES, [*_PSQL, sql], values=superuser_values(database))
        environment = {"PATH": os.environ["PATH"]}
    else:
        folders = Folders(project.home)
        binaries = Launches(configuration, folders).binaries
        environment = superuser_environment(configuration, folders, binaries, database=database)
        command = [str(binaries.postgres_bin / _PSQL[0]), *_PSQL[1:], sql]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
