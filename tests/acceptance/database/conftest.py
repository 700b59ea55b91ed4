"""Servers that these tests may break."""

from collections.abc import Iterator

import pytest

from dashtam.devenv.embedded.account import Account
from dashtam.devenv.embedded.binaries import Binaries
from tests.support.clusters import Cluster, programs, start_cluster, start_redis


@pytest.fixture(scope="session", name="programs")
def _programs() -> Iterator[tuple[Binaries, Account | None]]:
    with programs() as found:
        yield found


@pytest.fixture(scope="session")
def server(programs: tuple[Binaries, Account | None]) -> Iterator[Cluster]:
    """One cluster and one Redis for all tests; see `cluster` for what is in it."""
    with start_redis(*programs) as redis_url, start_cluster(*programs, redis_url=redis_url) as cluster:
        yield cluster


@pytest.fixture
def empty_cluster(server: Cluster) -> Cluster:
    """A cluster as initdb left it: no role and no database of ours."""
    names = server.ask("SELECT datname FROM pg_database WHERE datname LIKE 'dashtam%'").split()
    for name in names:
        server.ask(f'ALTER DATABASE "{name}" IS_TEMPLATE false')
        server.ask(f'DROP DATABASE "{name}" WITH (FORCE)')
    server.ask(
        "REVOKE ALL ON DATABASE postgres FROM PUBLIC; GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC"
    )
    for role in server.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'dashtam%'").split():
        server.ask(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
    return server


@pytest.fixture
def cluster(empty_cluster: Cluster) -> Cluster:
    """A cluster with both databases: development with its tables and a canary, and an empty one for tests."""
    for script in ("init-dev-db.sh", "init-test-db.sh"):
        answer = empty_cluster.initialize(script)
        assert answer.returncode == 0, answer.stderr
    answer = empty_cluster.run("dashtam.database.init_db", "development")
    assert answer.returncode == 0, answer.stderr
    empty_cluster.ask(
        "INSERT INTO users (email, password_hash) VALUES ('canary@example.com', 'x')", database="dashtam"
    )
    return empty_cluster
