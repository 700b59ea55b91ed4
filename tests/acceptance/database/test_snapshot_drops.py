"""docker/snapshot.sh drop takes a snapshot of ours as a whole or not at all, and nothing else."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.servers.clusters import Cluster, wait_until
from tests.support.servers.snapshot_scripts import ONE, describe, done, refused, run, stamp


def test_dropping_takes_a_snapshot_of_this_cluster_and_nothing_else(cluster: Cluster) -> None:
    done(cluster, "take")
    expected = stamp(cluster)
    development = describe(cluster)["dashtam"]
    assert "expected" in refused(cluster, "drop", DASHTAM_SNAPSHOT_STAMP=expected + " ")
    assert "not the stamp of a snapshot" in refused(cluster, "drop", DASHTAM_SNAPSHOT_STAMP="mine")
    done(cluster, "drop", DASHTAM_SNAPSHOT_STAMP=expected)
    assert set(describe(cluster)) == {"dashtam", "dashtam_test"}
    assert describe(cluster)["dashtam"] == development
    assert "expected" in refused(cluster, "drop", DASHTAM_SNAPSHOT_STAMP=expected)


def test_a_snapshot_that_another_role_owns_is_not_dropped(cluster: Cluster) -> None:
    done(cluster, "take")
    cluster.ask(f"ALTER DATABASE {ONE} OWNER TO dashtam_user")
    assert "belongs to dashtam_user" in refused(cluster, "drop", DASHTAM_SNAPSHOT_STAMP=stamp(cluster))


def test_a_snapshot_that_somebody_opened_is_dropped_all_the_same(cluster: Cluster) -> None:
    done(cluster, "take")
    cluster.ask(f"ALTER DATABASE {ONE} ALLOW_CONNECTIONS true")
    done(cluster, "drop", DASHTAM_SNAPSHOT_STAMP=stamp(cluster))
    assert set(describe(cluster)) == {"dashtam", "dashtam_test"}


def test_a_drop_that_ends_half_way_leaves_the_snapshot_whole(cluster: Cluster) -> None:
    done(cluster, "take")
    before, expected = describe(cluster), stamp(cluster)
    held = f"BEGIN; ALTER ROLE postgres IN DATABASE {ONE} SET work_mem = '4MB'"
    waiting = "FROM pg_locks WHERE locktype = 'object' AND NOT granted"
    with ThreadPoolExecutor(1) as background:
        with cluster.holding(held, database="postgres"):
            taken = "SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND database = 0 AND granted"
            wait_until(lambda: cluster.ask(taken) != "0", "the name cannot be changed")
            drop = background.submit(run, cluster, "drop", DASHTAM_SNAPSHOT_STAMP=expected)
            wait_until(
                lambda: drop.done() or cluster.ask(f"SELECT count(*) {waiting}") == "1", "the drop waits"
            )
            cluster.ask(f"SELECT pg_terminate_backend(pid, 10000) {waiting}")
        assert drop.result().returncode == 1
    assert describe(cluster) == before
