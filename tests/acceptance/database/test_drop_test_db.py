"""drop_test_db destroys the test database and Redis index 1, twice if asked, and nothing else."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis.asyncio import Redis

from dashtam.database.errors import DatabaseNotReady
from dashtam.devenv.engines.embedded.account import Account
from dashtam.devenv.engines.embedded.binaries import Binaries
from dashtam.disposable.drop_test_db import drop, empty
from dashtam.disposable.errors import UnsafeDatabase
from dashtam.disposable.verification import open_verified
from dashtam.settings.model import TestSettings
from tests.support.checkout import CHECKOUT
from tests.support.servers.clusters import Cluster, start_standby, wait_until

MODULE = "dashtam.disposable.drop_test_db"


def databases(cluster: Cluster) -> list[str]:
    return cluster.ask("SELECT datname FROM pg_database WHERE datname LIKE 'dashtam%' ORDER BY 1").split()


def administrator(cluster: Cluster, index: int) -> Redis:
    """A client that may do everything; no user of the project may."""
    url = cluster.redis_url.replace("//testing:", "//:").removesuffix("1") + str(index)
    return Redis.from_url(url, decode_responses=True)


def settings_of(cluster: Cluster) -> TestSettings:
    environment = cluster.environment("testing")
    return TestSettings(_env_file=CHECKOUT / ".env.test", **environment)  # type: ignore[arg-type]  # text, as from the environment


@pytest.fixture(autouse=True)
async def _empty_redis(cluster: Cluster) -> None:
    async with administrator(cluster, 0) as client:
        await client.flushall()


async def redis_keys(cluster: Cluster, index: int, *, add: str | None = None, many: int = 0) -> list[str]:
    async with administrator(cluster, index) as client:
        if add is not None:
            await client.mset(dict.fromkeys([add, *(f"{add}:{number}" for number in range(many))], "1"))
        return sorted(str(key) for key in await client.keys())


def test_the_test_database_and_its_index_go_and_development_stays(cluster: Cluster) -> None:
    asyncio.run(redis_keys(cluster, 0, add="testing:canary"))
    asyncio.run(redis_keys(cluster, 1, add="testing:key", many=2500))
    asyncio.run(redis_keys(cluster, 1, add="of somebody"))
    for what, keys in (("test database dropped", 2501), ("test database was already gone", 0)):
        answer = cluster.run(MODULE, "testing")
        assert answer.returncode == 0, answer.stderr
        told = [line.partition("  ")[0] for line in answer.stdout.splitlines()]
        assert told == ["✓ settings loaded", f"✓ {what}", "✓ Redis index emptied"]
        assert f" keys={keys}\n" in answer.stdout
        assert databases(cluster) == ["dashtam"]
        assert asyncio.run(redis_keys(cluster, 1)) == ["of somebody"]
        assert asyncio.run(redis_keys(cluster, 0)) == ["testing:canary"]
    assert cluster.ask("SELECT count(*) FROM users", database="dashtam") == "1"


def test_what_was_dropped_can_be_made_again(cluster: Cluster) -> None:
    assert cluster.run(MODULE, "testing").returncode == 0
    assert cluster.initialize("init-test-db.sh").returncode == 0
    assert cluster.run("dashtam.disposable.init_test_db", "testing").returncode == 0


@pytest.mark.parametrize(
    "sql",
    [
        "COMMENT ON DATABASE dashtam_test IS NULL",
        "COMMENT ON DATABASE dashtam_test IS 'dashtam purpose=development cluster=1'",
        "ALTER DATABASE dashtam_test IS_TEMPLATE true",
    ],
)
def test_a_database_that_is_not_stamped_for_tests_stays_and_so_does_the_index(
    cluster: Cluster, sql: str
) -> None:
    asyncio.run(redis_keys(cluster, 1, add="testing:key"))
    cluster.ask(sql)
    answer = cluster.run(MODULE, "testing")
    assert answer.returncode == 3
    assert databases(cluster) == ["dashtam", "dashtam_test"]
    assert asyncio.run(redis_keys(cluster, 1)) == ["testing:key"]


def test_another_cluster_is_left_alone_even_where_the_database_is_gone(cluster: Cluster) -> None:
    cluster.ask("DROP DATABASE dashtam_test")
    answer = cluster.run(MODULE, "testing", CLUSTER_IDENTIFIER="42")
    assert answer.returncode == 3
    assert "another server than the cluster 42" in answer.stderr


def test_a_replica_is_left_alone_even_where_the_database_is_gone(
    cluster: Cluster, programs: tuple[Binaries, Account | None]
) -> None:
    assert cluster.run(MODULE, "testing").returncode == 0
    with start_standby(cluster, programs[1]) as standby:
        answer = standby.run(MODULE, "testing")
    assert answer.returncode == 3
    assert "or a replica of it" in answer.stderr


def test_the_index_of_development_is_never_emptied(cluster: Cluster) -> None:
    asyncio.run(redis_keys(cluster, 0, add="testing:canary"))
    answer = cluster.run(MODULE, "testing", REDIS_URL=cluster.redis_url.removesuffix("1") + "0")
    assert answer.returncode == 3
    assert asyncio.run(redis_keys(cluster, 0)) == ["testing:canary"]
    assert databases(cluster) == ["dashtam", "dashtam_test"]


def test_a_stranger_at_work_in_the_database_keeps_it(cluster: Cluster) -> None:
    with subprocess.Popen(
        [str(cluster.binaries.postgres_bin / "psql"), "-XAtq", "-c", "SELECT pg_sleep(3600)"],
        env={
            "PGHOST": "127.0.0.1",
            "PGPORT": str(cluster.port),
            "PGUSER": "postgres",
            "PGPASSWORD": cluster.superuser_password,
            "PGDATABASE": "dashtam_test",
        },
        stderr=subprocess.DEVNULL,
    ) as stranger:
        seen = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'dashtam_test'"
        wait_until(lambda: cluster.ask(seen) == "1", "the stranger is connected")
        answer = cluster.run(MODULE, "testing")
        cluster.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'dashtam_test'")
        stranger.wait()
    assert answer.returncode == 3
    assert "psql, as postgres" in answer.stderr
    assert databases(cluster) == ["dashtam", "dashtam_test"]


@contextmanager
def autovacuum_at_work(cluster: Cluster, *, pages: int) -> Iterator[None]:
    """A worker of PostgreSQL's own in the test database, which looks at ten pages a second at most."""
    cluster.ask("ALTER SYSTEM SET autovacuum_naptime = 1; SELECT pg_reload_conf()")
    cluster.ask(
        "CREATE TABLE busy (filler text) WITH (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, "
        "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, fillfactor = 10); "
        f"INSERT INTO busy SELECT repeat('x', 700) FROM generate_series(1, {pages}); DELETE FROM busy",
        database="dashtam_test",
    )
    seen = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE datname = 'dashtam_test'"
    try:
        wait_until(lambda: cluster.ask(seen) == "1", "autovacuum is at work")
        yield
    finally:
        cluster.ask("ALTER SYSTEM RESET autovacuum_naptime; SELECT pg_reload_conf()")


def test_an_autovacuum_worker_may_finish_and_then_the_database_goes(cluster: Cluster) -> None:
    with autovacuum_at_work(cluster, pages=20):
        answer = cluster.run(MODULE, "testing")
    assert answer.returncode == 0, answer.stderr
    assert databases(cluster) == ["dashtam"]


async def test_an_autovacuum_worker_that_does_not_end_is_told_and_the_database_stays(
    cluster: Cluster,
) -> None:
    settings = settings_of(cluster)
    with autovacuum_at_work(cluster, pages=2000):
        async with open_verified(settings, process="drop_test_db", exclusive=True) as verified:
            with pytest.raises(DatabaseNotReady, match="as an autovacuum worker"):
                await drop(verified, patience_seconds=0.5)
    assert databases(cluster) == ["dashtam", "dashtam_test"]


def test_a_cache_that_does_not_answer_is_a_failure_with_its_address(cluster: Cluster) -> None:
    answer = cluster.run(MODULE, "testing", REDIS_URL="redis://:redis_password@127.0.0.1:1/1")
    assert answer.returncode == 1
    assert "127.0.0.1:1/1" in answer.stderr
    assert "Traceback" not in answer.stderr


async def test_a_stamp_that_goes_between_verification_and_drop_keeps_the_database(cluster: Cluster) -> None:
    settings = settings_of(cluster)
    async with open_verified(settings, process="drop_test_db", exclusive=True) as verified:
        cluster.ask("COMMENT ON DATABASE dashtam_test IS NULL")
        with pytest.raises(UnsafeDatabase, match="the stamp is None"):
            await drop(verified)
    assert databases(cluster) == ["dashtam", "dashtam_test"]


async def test_a_database_that_another_run_dropped_meanwhile_is_no_failure(cluster: Cluster) -> None:
    environment = cluster.environment("testing")
    settings = TestSettings(_env_file=CHECKOUT / ".env.test", **environment)  # type: ignore[arg-type]  # text, as from the environment
    async with open_verified(settings, process="drop_test_db", exclusive=True) as verified:
        cluster.ask("DROP DATABASE dashtam_test WITH (FORCE)")
        await drop(verified)
    assert databases(cluster) == ["dashtam"]


async def test_only_the_selected_index_is_emptied_and_never_index_0(cluster: Cluster) -> None:
    """The decision looks at the index that the server says is selected, not at the one that was asked for."""
    await redis_keys(cluster, 0, add="testing:canary")
    async with administrator(cluster, 0) as client:
        with pytest.raises(UnsafeDatabase, match="connected to Redis index 0; expected 1"):
            await empty(client, 1, "here", prefix="testing:")
        with pytest.raises(UnsafeDatabase, match="never 0"):
            await empty(client, 0, "here", prefix="testing:")
    await redis_keys(cluster, 2, add="testing:canary")
    async with administrator(cluster, 2) as client:
        with pytest.raises(UnsafeDatabase, match="connected to Redis index 2; expected 1"):
            await empty(client, 1, "here", prefix="testing:")
    for index in (0, 2):
        assert await redis_keys(cluster, index) == ["testing:canary"]
