"""The PostgreSQL cluster of a project: made once and whole, never made again over an existing one."""

import csv
import io
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dashtam.devenv.engines.application import INIT_SCRIPTS, owner_variables
from dashtam.devenv.engines.embedded.account import Account
from dashtam.devenv.engines.embedded.binaries import Binaries
from dashtam.devenv.engines.embedded.command import (
    POSTGRES_MAJOR,
    SUPERUSER,
    client_environment,
    initdb_command,
    store_environment,
)
from dashtam.devenv.engines.embedded.folders import Folders, ensure_private, write_private
from dashtam.devenv.engines.embedded.identity import COMPONENT, INSTANCE, end, find_marked, find_servers_of
from dashtam.devenv.engines.engine import READ_ONLY
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused, failure_of
from dashtam.devenv.project.configuration import Configuration

_INITDB = "initdb"
_END_SECONDS = 10.0


def ensure_cluster(folders: Folders, binaries: Binaries, account: Account | None) -> None:
    """Make the cluster unless it is there. Killed at any moment, it is there whole or not at all.

    Raises:
        EnvironmentRefused: the folder holds something else than a cluster of our major version.
        EnvironmentFailed: initdb's own words.
    """
    if folders.cluster.exists():
        check_version(folders.cluster)
        return
    password = ensure_superuser_password(folders)
    staging = _empty_staging(folders, account)
    password_file = staging / "password"
    write_private(password_file, password, owner=None if account is None else (account.uid, account.gid))
    _run_initdb(initdb_command(binaries, staging / "data", password_file), folders, account)
    (staging / "data").rename(folders.cluster)
    _synchronize(folders.postgres)
    shutil.rmtree(staging)


def _empty_staging(folders: Folders, account: Account | None) -> Path:
    """Make the folder that initdb works in; what an earlier one left there, or still does, never was a cluster."""
    staging = folders.postgres / "initdb"
    end(
        lambda: find_marked(folders.instance, _INITDB) + find_servers_of(staging / "data"),
        gently=signal.SIGKILL,
        seconds=_END_SECONDS,
    )
    if staging.exists():
        shutil.rmtree(staging)
    staging.mkdir(mode=0o700)
    if account is not None:
        os.chown(staging, account.uid, account.gid)
    return staging


def check_version(cluster: Path) -> None:
    """Refuse a data folder that this PostgreSQL cannot serve."""
    try:
        version = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise EnvironmentRefused(
            f"{cluster} is no PostgreSQL cluster (PG_VERSION is missing); expected one, or no such folder",
            advice=f"look at {cluster} and move it away",
        ) from error
    if version != POSTGRES_MAJOR:
        raise EnvironmentRefused(
            f"{cluster} was made by PostgreSQL {version[:20]}; expected {POSTGRES_MAJOR}",
            advice=f"dump it with PostgreSQL {version[:20]}, move the folder away, and load the dump into a new one",
        )


def ensure_superuser_password(folders: Folders) -> str:
    """Read the superuser's password, or make one while there is no cluster that has another.

    Raises:
        EnvironmentFailed: the cluster is there and its password is lost.
    """
    path = folders.superuser_password
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        if folders.cluster.exists():
            raise EnvironmentFailed(
                f"{path} is missing: it holds the password of the role {SUPERUSER} of {folders.cluster}",
                advice=f"restore {path} from a backup; the data itself is untouched",
            ) from error
    ensure_private(path.parent)
    password = secrets.token_urlsafe(32)
    write_private(path, password)
    return password


def _run_initdb(command: list[str], folders: Folders, account: Account | None) -> None:
    marks = {INSTANCE: folders.instance, COMPONENT: _INITDB}
    answer = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=folders.postgres,
        env={**store_environment(folders.postgres), **marks},
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )
    if answer.returncode != 0:
        raise EnvironmentFailed(f"initdb failed: {answer.stderr.strip() or answer.stdout.strip()}")


def _synchronize(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def superuser_environment(
    configuration: Configuration, folders: Folders, binaries: Binaries, *, database: str = SUPERUSER
) -> dict[str, str]:
    """Build the environment in which psql is the superuser of the running postgres."""
    return client_environment(
        configuration.postgres_port,
        user=SUPERUSER,
        password=ensure_superuser_password(folders),
        database=database,
        binaries=binaries,
    )


def initialize_databases(configuration: Configuration, superuser: Mapping[str, str]) -> None:
    """Run the init scripts, which make both roles and both databases and may be run again.

    Raises:
        EnvironmentFailed: names the script, with its output; EnvironmentRefused where a database is not ours.
    """
    for script in INIT_SCRIPTS:
        run_script([script], owner_variables(configuration), configuration, superuser)


def run_script(
    words: Sequence[str],
    variables: Mapping[str, str],
    configuration: Configuration,
    superuser: Mapping[str, str],
) -> str:
    """Run a script of docker/ with its arguments; what it printed.

    Raises:
        EnvironmentFailed: names the script, with its output; EnvironmentRefused where a safety check said no.
    """
    script, *arguments = words
    path = configuration.checkout / "docker" / script
    answer = _run_client(["sh", str(path), *arguments], {**superuser, **variables})
    if answer.returncode != 0:
        raise failure_of(answer.returncode)(
            f"{path} ended with {answer.returncode}: {answer.stderr.strip()}", advice="invoke logs"
        )
    return answer.stdout


def query(sql: str, superuser: Mapping[str, str]) -> list[list[str]]:
    """Ask in a read-only session; rows of text, with NULL as the empty text.

    Raises:
        EnvironmentFailed: what PostgreSQL said.
    """
    command = ["psql", "--no-psqlrc", "--no-password", "--csv", "--tuples-only", "--set=ON_ERROR_STOP=1"]
    answer = _run_client([*command, f"--command={sql}"], {**superuser, "PGOPTIONS": READ_ONLY})
    if answer.returncode != 0:
        raise EnvironmentFailed(f"postgres refused {sql!r}: {answer.stderr.strip()}")
    return list(csv.reader(io.StringIO(answer.stdout, newline="")))


def _run_client(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    return subprocess.run(
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=dict(environment),
    )
