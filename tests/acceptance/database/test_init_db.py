"""init_db prepares the development database, from several processes at once, and never takes anything away."""

import os
import signal

import pytest

from dashtam.bootstrap.migrations import LOCK, files
from tests.support.servers.clusters import Cluster, wait_until

MODULE = "dashtam.bootstrap.init_db"
ONCE = f"{len(files())}|7"  # migrations and providers


@pytest.fixture
def fresh(empty_cluster: Cluster) -> Cluster:
    """An empty development database."""
    assert empty_cluster.initialize("init-dev-db.sh").returncode == 0
    return empty_cluster


def counts(cluster: Cluster) -> str:
    return cluster.ask(
        "SELECT (SELECT count(*) FROM aerich), (SELECT count(*) FROM providers)", database="dashtam"
    )


def test_several_processes_at_once_migrate_and_seed_once(fresh: Cluster) -> None:
    runs = [fresh.start(MODULE, "development") for _ in range(3)]
    ends = [(run.communicate(timeout=300)[1], run.returncode) for run in runs]
    assert [code for _, code in ends] == [0, 0, 0], ends
    assert counts(fresh) == ONCE


def test_the_steps_are_ticked(fresh: Cluster) -> None:
    answer = fresh.run(MODULE, "development")
    assert [line.split("  ")[0] for line in answer.stdout.splitlines()] == [
        "✓ settings loaded",
        "✓ connected",
        "✓ models imported",
        "✓ tables created where missing",
        "✓ catalogue of providers seeded",
        "✓ database ready",
    ]


def test_rows_survive_every_further_run(cluster: Cluster) -> None:
    before = cluster.ask("SELECT * FROM users", database="dashtam")
    assert cluster.run(MODULE, "development").returncode == 0
    assert cluster.ask("SELECT * FROM users", database="dashtam") == before


@pytest.mark.parametrize("step", ["settings loaded", "connected", "models imported", "tables created"])
def test_killed_after_any_step_the_next_run_finishes(fresh: Cluster, step: str) -> None:
    run = fresh.start(MODULE, "development")
    assert run.stdout is not None
    for line in run.stdout:
        if step in line:
            break
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    answer = fresh.run(MODULE, "development")
    assert answer.returncode == 0, answer.stderr
    assert counts(fresh) == ONCE


def test_a_server_that_is_away_is_named_without_a_traceback(fresh: Cluster) -> None:
    url = "postgresql+asyncpg://dashtam_user:development_password@127.0.0.1:1/dashtam"
    answer = fresh.run(MODULE, "development", DATABASE_URL=url)
    assert answer.returncode == 1
    assert "cannot connect to 127.0.0.1:1/dashtam" in answer.stderr
    assert "development_password" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_history_shows_what_is_applied(cluster: Cluster) -> None:
    answer = cluster.run("dashtam.bootstrap.migrations history", "development")
    assert answer.returncode == 0
    assert answer.stdout.startswith("✓ applied  file=0_")


def test_an_upgrade_waits_for_the_one_that_is_at_work(fresh: Cluster) -> None:
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted IS {}"
    with fresh.holding(f"SELECT pg_advisory_lock({LOCK})", database="dashtam"):
        wait_until(lambda: fresh.ask(locks.format(True), database="dashtam") == "1", "the lock is held")
        run = fresh.start(MODULE, "development")
        wait_until(lambda: fresh.ask(locks.format(False), database="dashtam") == "1", "the upgrade waits")
        assert fresh.ask("SELECT to_regclass('users') IS NULL", database="dashtam") == "t"
    out, err = run.communicate(timeout=300)
    assert run.returncode == 0, out + err
    assert counts(fresh) == ONCE
