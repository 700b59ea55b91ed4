"""Several processes migrate at once, are killed in the middle, and every migration is applied exactly once.

None of it is applied where it may take data away and nobody has said that it may.
"""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from dashtam.bootstrap.migrations import files
from tests.support.checkout import CHECKOUT
from tests.support.servers.clusters import Cluster, wait_until

UPGRADE: Final = "dashtam.bootstrap.migrations upgrade"
OURS: Final = len(files())
COUNTED: Final = 5
ADDS: Final = "901_20990101000000_adds.py"
DROPS: Final = "902_20990101000000_drops.py"
WAITING: Final = "SELECT count(*) FROM pg_locks WHERE locktype = '{}' AND NOT granted"


@pytest.fixture(name="cluster")
def _cluster(cluster: Cluster, tmp_path: Path) -> Cluster:
    """A cluster with a copy of the code and its migrations, where a test may write more of them."""
    for part in ("dashtam", "migrations"):
        shutil.copytree(CHECKOUT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    return replace(cluster, checkout=tmp_path)


def write(cluster: Cluster, name: str, sql: str) -> None:
    text = f"async def upgrade(db):\n    return {sql!r}\n"
    (cluster.checkout / "migrations" / "models" / name).write_text(text, encoding="utf-8")


def write_counting(cluster: Cluster) -> None:
    """Migrations that would be noticed if they ran twice: a table, and one row each."""
    write(cluster, "901_20990101000000_counted.py", "CREATE TABLE counted (number int)")
    for number in range(2, COUNTED + 2):
        write(cluster, f"{900 + number}_20990101000000_counts.py", f"INSERT INTO counted VALUES ({number})")


def assert_each_applied_once(cluster: Cluster) -> None:
    numbers = cluster.ask(
        "SELECT string_agg(number::text, ' ' ORDER BY number) FROM counted", database="dashtam"
    )
    assert numbers == " ".join(map(str, range(2, COUNTED + 2)))
    recorded = cluster.ask("SELECT count(*), count(DISTINCT version) FROM aerich", database="dashtam")
    expected = OURS + COUNTED + 1
    assert recorded == f"{expected}|{expected}"


@contextmanager
def locked_table(cluster: Cluster) -> Iterator[None]:
    """Hold the table of the counting migrations, so that who writes to it waits, and who reads does not."""
    with cluster.holding("BEGIN; LOCK TABLE counted IN SHARE MODE", database="dashtam"):
        held = "SELECT count(*) FROM pg_locks WHERE relation = 'counted'::regclass AND granted"
        wait_until(lambda: cluster.ask(held, database="dashtam") == "1", "the table is held")
        yield


def test_processes_that_migrate_at_once_apply_each_migration_once(cluster: Cluster) -> None:
    write_counting(cluster)
    runs = [cluster.start(UPGRADE, "development") for _ in range(4)]
    ends = [(run.communicate(timeout=120), run.returncode) for run in runs]
    assert [code for _, code in ends] == [0] * 4, ends
    assert sum(f"count={COUNTED + 1}" in out for (out, _), _ in ends) == 1
    assert_each_applied_once(cluster)


def test_what_a_killed_process_had_begun_is_over_before_the_next_begins(cluster: Cluster) -> None:
    write(cluster, "901_20990101000000_counted.py", "CREATE TABLE counted (number int)")
    assert cluster.run(UPGRADE, "development").returncode == 0
    write_counting(cluster)
    with locked_table(cluster):
        killed = cluster.start(UPGRADE, "development")
        wait_until(lambda: cluster.ask(WAITING.format("relation")) == "1", "a migration is in the middle")
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate()
        others = [cluster.start(UPGRADE, "development") for _ in range(2)]
        wait_until(lambda: cluster.ask(WAITING.format("advisory")) == "2", "the others wait")
        assert (
            cluster.ask(WAITING.format("relation")) == "1"
        )  # the server does not know yet that it was killed
    ends = [(run.communicate(timeout=120), run.returncode) for run in others]
    assert [code for _, code in ends] == [0] * 2, ends
    assert_each_applied_once(cluster)


@pytest.mark.parametrize("applied", [1, 3])
def test_killed_between_migrations_the_next_process_goes_on_where_it_was(
    cluster: Cluster, applied: int
) -> None:
    write_counting(cluster)
    run = cluster.start(UPGRADE, "development")
    recorded = "SELECT count(*) FROM aerich"
    wait_until(lambda: int(cluster.ask(recorded, database="dashtam")) >= OURS + applied, "some are applied")
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    answer = cluster.run(UPGRADE, "development")
    assert answer.returncode == 0, answer.stderr
    assert_each_applied_once(cluster)


def read_columns(cluster: Cluster) -> str:
    columns = (
        "FROM information_schema.columns WHERE table_name = 'users' AND column_name IN ('email', 'nickname')"
    )
    return cluster.ask(f"SELECT string_agg(column_name, ' ') {columns}", database="dashtam")


@pytest.mark.parametrize("module", ["dashtam.bootstrap.init_db", UPGRADE])
def test_what_may_take_data_away_is_shown_and_refused(cluster: Cluster, module: str) -> None:
    write(cluster, ADDS, "ALTER TABLE users ADD COLUMN nickname text")
    write(cluster, DROPS, "-- \x1b[2K\nALTER TABLE users DROP COLUMN email")
    answer = cluster.run(module, "development")
    assert answer.returncode == 3
    assert f"{DROPS}\n    drops a column: ALTER TABLE users DROP COLUMN email" in answer.stderr
    assert "→ in development: invoke db.migrate" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert read_columns(cluster) == "email"
    assert cluster.run(f"{UPGRADE} --allow {ADDS}", "development").returncode == 3
    assert read_columns(cluster) == "email"
    allowed = cluster.run(f"{UPGRADE} --allow {DROPS}", "development")
    assert allowed.returncode == 0, allowed.stderr
    assert read_columns(cluster) == "nickname"


def test_what_is_pending_is_told_for_machines_and_not_run(cluster: Cluster) -> None:
    write(cluster, ADDS, "ALTER TABLE users ADD COLUMN nickname text")
    write(cluster, DROPS, "ALTER TABLE users DROP COLUMN email")
    answer = cluster.run("dashtam.bootstrap.migrations pending", "development")
    assert json.loads(answer.stdout) == {
        "is_empty": False,
        "pending": [
            {"name": ADDS, "harms": []},
            {
                "name": DROPS,
                "harms": [{"statement": "ALTER TABLE users DROP COLUMN email", "reason": "drops a column"}],
            },
        ],
    }
    assert read_columns(cluster) == "email"
