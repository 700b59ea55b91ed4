"""A server that is not what it seems: another database, another schema, a way out, or not yet made."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dashtam.devenv.components import Component
from dashtam.devenv.engines.compose.command import accepts_superuser, container_name
from dashtam.devenv.engines.embedded.account import Account
from dashtam.devenv.engines.embedded.binaries import Binaries
from tests.support.projects.compose_files import make_configuration
from tests.support.servers.clusters import Cluster, running_server, temporary_folder, wait_until
from tests.support.servers.pooler import start_pooler
from tests.support.servers.ports import free_ports

INIT, DROP = "dashtam.disposable.init_test_db", "dashtam.disposable.drop_test_db"
ASKED, GIVEN = "dashtam_test_asked", "dashtam_test_given"
CANARY = "SELECT count(*) FROM canary"


@pytest.mark.parametrize("module", [INIT, DROP])
def test_a_pooler_that_hands_out_another_database_is_found_out(cluster: Cluster, module: str) -> None:
    """The other one is a test database too, so that nothing but its name speaks against it."""
    for name in (ASKED, GIVEN):
        assert cluster.initialize("init-test-db.sh", TEST_POSTGRES_DB=name).returncode == 0
    cluster.ask("SET ROLE dashtam_test_user; CREATE TABLE canary AS SELECT 1", database=GIVEN)
    with start_pooler(cluster.port, asked=ASKED, given=GIVEN) as port:
        url = f"postgresql+asyncpg://dashtam_test_user:test_password@127.0.0.1:{port}/{ASKED}"
        answer = cluster.run(module, "testing", DATABASE_URL=url)
    assert answer.returncode == 3, answer.stdout + answer.stderr
    assert f"connected to the database {GIVEN}; expected {ASKED}. Is a pooler between?" in answer.stderr
    assert cluster.ask(CANARY, database=GIVEN) == "1"


def test_the_search_path_of_role_and_database_leads_nowhere(cluster: Cluster) -> None:
    cluster.ask("CREATE SCHEMA prod AUTHORIZATION dashtam_test_user", database="dashtam_test")
    cluster.ask(
        "ALTER DATABASE dashtam_test SET search_path = prod; ALTER ROLE dashtam_test_user SET search_path = prod"
    )
    try:
        answer = cluster.run(INIT, "testing")
    finally:
        cluster.ask("ALTER ROLE dashtam_test_user RESET search_path")
    assert answer.returncode == 0, answer.stderr
    places = "SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'"
    assert cluster.ask(places, database="dashtam_test") == "public"


@contextmanager
def made(cluster: Cluster, create: str, remove: str) -> Iterator[None]:
    cluster.ask(create, database="dashtam_test")
    try:
        yield
    finally:
        cluster.ask(remove, database="dashtam_test")


@pytest.mark.parametrize(
    ("create", "remove", "named"),
    [
        (
            "CREATE FOREIGN DATA WRAPPER wrapper; CREATE SERVER production FOREIGN DATA WRAPPER wrapper",
            "DROP FOREIGN DATA WRAPPER wrapper CASCADE",
            "server production",
        ),
        (
            "SET client_min_messages = error; CREATE PUBLICATION leak FOR ALL TABLES",
            "DROP PUBLICATION leak",
            "publication leak",
        ),
        (
            "CREATE SUBSCRIPTION inlet CONNECTION '' PUBLICATION leak WITH (connect = false, slot_name = NONE)",
            "DROP SUBSCRIPTION inlet",
            "subscription of role postgres",
        ),
    ],
)
def test_a_way_by_which_a_change_leaves_the_test_database_is_refused(
    cluster: Cluster, create: str, remove: str, named: str
) -> None:
    with made(cluster, create, remove):
        for module in (INIT, DROP):
            answer = cluster.run(module, "testing")
            assert answer.returncode == 3, answer.stderr
            assert f"changes may leave the database through {named}" in answer.stderr
        assert cluster.ask("SELECT count(*) FROM users", database="dashtam_test") == "1"


@contextmanager
def served(
    binaries: Binaries, account: Account | None, folder: Path, port: int, *, tcp: bool
) -> Iterator[None]:
    """A server on a socket in the folder, and on loopback or, as while the postgres image makes a cluster, not."""
    options = {
        "listen_addresses": "127.0.0.1" if tcp else "",
        "unix_socket_directories": folder,
        "fsync": "off",
    }
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    command = [str(binaries.postgres_bin / "postgres"), "-D", str(folder / "data"), "-p", str(port), *words]
    ready = [str(binaries.postgres_bin / "pg_isready"), "--quiet", f"--host={folder}", f"--port={port}"]
    with running_server(command, account, folder):
        wait_until(lambda: subprocess.run(ready).returncode == 0, "pg_isready says so on the socket")
        yield


def test_a_server_that_is_still_being_made_is_not_taken_for_ready(
    programs: tuple[Binaries, Account | None], tmp_path: Path
) -> None:
    """What the engine asks in the container is asked of both servers that the image starts one after the other."""
    binaries, account = programs
    container = container_name(configuration := make_configuration(tmp_path), Component.POSTGRES)
    question = accepts_superuser(configuration)
    asked = question[question.index(container) + 1 :]
    (port,) = free_ports(1)
    with temporary_folder(account) as folder:
        initdb = [
            str(binaries.postgres_bin / "initdb"),
            "-D",
            str(folder / "data"),
            "-U",
            "postgres",
            "--no-sync",
        ]
        with running_server([*initdb, "-A", "trust"], account, folder) as made:
            assert made.wait() == 0
        environment = {
            "PATH": f"{binaries.postgres_bin}:{os.environ['PATH']}",
            "PGHOST": str(folder),
            "PGPORT": str(port),
            "PGUSER": "postgres",
            "PGDATABASE": "postgres",
        }
        for tcp in (False, True):
            with served(binaries, account, folder, port, tcp=tcp):
                answer = subprocess.run(asked, env=environment, capture_output=True)
                assert (answer.returncode == 0) is tcp, answer.stderr
