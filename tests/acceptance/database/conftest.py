"""Servers that these tests may break."""

from collections.abc import Iterator

import pytest

from dashtam.devenv.engines.embedded.account import Account
from dashtam.devenv.engines.embedded.binaries import Binaries
from tests.support.servers.clusters import Cluster, programs, start_cluster, start_redis
from tests.support.servers.servers import REMOVE, REMOVE_ROLES, RESTORE, find_running, prepare


@pytest.fixture(scope="session", name="programs")
def _programs() -> Iterator[tuple[Binaries, Account | None]]:
    with programs() as found:
        yield found


@pytest.fixture(scope="session")
def empty_server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster for the tests that begin with nothing."""
    if running := find_running("empty"):
        yield running
        return
    with start_cluster(*request.getfixturevalue("programs")) as cluster:
        yield cluster


@pytest.fixture
def empty_cluster(empty_server: Cluster) -> Cluster:
    """A cluster as initdb left it: no role and no database of ours."""
    empty_server.ask(REMOVE + REMOVE_ROLES)
    return empty_server


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster and a Redis, with both databases made by the real commands once and kept as templates."""
    if running := find_running("server"):
        yield running
        return
    found = request.getfixturevalue("programs")
    with start_redis(*found) as redis_url, start_cluster(*found, redis_url=redis_url) as cluster:
        prepare(cluster, keep=True)
        yield cluster


@pytest.fixture
def cluster(server: Cluster) -> Cluster:
    """A cluster with both databases as the commands make them, and a user named canary in each."""
    server.ask(REMOVE + RESTORE)
    return server
