"""Servers that these tests may break."""

from collections.abc import Iterator
from typing import Final

import pytest

from dashtam.devenv.embedded.account import Account
from dashtam.devenv.embedded.binaries import Binaries
from tests.support.clusters import Cluster, programs, start_cluster, start_redis

# Named apart from `dashtam%`, and owned by the superuser, so that no guard takes them for databases of ours.
KEEP: Final = """
ALTER DATABASE dashtam IS_TEMPLATE false;
ALTER DATABASE dashtam RENAME TO kept_development;
ALTER DATABASE kept_development OWNER TO postgres;
ALTER DATABASE dashtam_test RENAME TO kept_testing;
ALTER DATABASE kept_testing OWNER TO postgres;
"""
REMOVE: Final = """
SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) FROM pg_database WHERE datname LIKE 'dashtam%' \\gexec
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname LIKE 'dashtam%' \\gexec
"""
REMOVE_ROLES: Final = """
SELECT format('DROP OWNED BY %I', rolname) FROM pg_roles WHERE rolname LIKE 'dashtam%' \\gexec
SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname LIKE 'dashtam%' \\gexec
"""
# A copy of a database has neither its comment nor its privileges nor its settings.
RESTORE: Final = """
CREATE DATABASE dashtam TEMPLATE kept_development OWNER dashtam_user;
CREATE DATABASE dashtam_test TEMPLATE kept_testing OWNER dashtam_test_user;
REVOKE ALL ON DATABASE dashtam, dashtam_test FROM PUBLIC;
ALTER DATABASE dashtam IS_TEMPLATE true;
ALTER ROLE dashtam_test_user NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD 'test_password';
SELECT format('COMMENT ON DATABASE %I IS ''dashtam purpose=%s cluster=%s''', datname, purpose, system_identifier)
  FROM pg_control_system(), (VALUES ('dashtam', 'development'), ('dashtam_test', 'testing')) AS d (datname, purpose)
\\gexec
"""
CANARY: Final = "INSERT INTO users (email, password_hash) VALUES ('canary@example.com', 'x')"


@pytest.fixture(scope="session", name="programs")
def _programs() -> Iterator[tuple[Binaries, Account | None]]:
    with programs() as found:
        yield found


@pytest.fixture(scope="session")
def empty_server(programs: tuple[Binaries, Account | None]) -> Iterator[Cluster]:
    """A cluster for the tests that begin with nothing."""
    with start_cluster(*programs) as cluster:
        yield cluster


@pytest.fixture
def empty_cluster(empty_server: Cluster) -> Cluster:
    """A cluster as initdb left it: no role and no database of ours."""
    empty_server.ask(REMOVE + REMOVE_ROLES)
    return empty_server


@pytest.fixture(scope="session")
def server(programs: tuple[Binaries, Account | None]) -> Iterator[Cluster]:
    """A cluster and a Redis, with both databases made by the real commands once and kept as templates."""
    with start_redis(*programs) as redis_url, start_cluster(*programs, redis_url=redis_url) as cluster:
        for script in ("init-dev-db.sh", "init-test-db.sh"):
            assert cluster.initialize(script).returncode == 0
        for module, mode in (("init_db", "development"), ("init_test_db", "testing")):
            answer = cluster.run(f"dashtam.database.{module}", mode)
            assert answer.returncode == 0, answer.stderr
        for name in ("dashtam", "dashtam_test"):
            cluster.ask(CANARY, database=name)
        cluster.ask(KEEP)
        yield cluster


@pytest.fixture
def cluster(server: Cluster) -> Cluster:
    """A cluster with both databases as the commands make them, and a user named canary in each."""
    server.ask(REMOVE + RESTORE)
    return server
