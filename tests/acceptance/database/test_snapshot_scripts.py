"""docker/snapshot.sh copies, swaps and drops as one step each, and touches nothing that is not a snapshot of ours."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.servers.clusters import Cluster, wait_until
from tests.support.servers.servers import REMOVE
from tests.support.servers.snapshot_scripts import (
    BEFORE,
    ONE,
    STAGING,
    describe,
    done,
    environment,
    refused,
    run,
    stamp,
)

OUR_ROLES: Final = (
    ("dashtam_test_user", "test_password", "dashtam_test"),
    ("dashtam_user", "development_password", "dashtam"),
)
ROWS: Final = "SELECT md5(string_agg(u::text, '' ORDER BY id)) FROM users AS u"
# Half of what the scripts wait for a lock, so that they do not end by that.
SOONER_SECONDS: Final = 30.0
# Held by a third party, it stops a script after the copy and before it has its name.
HOLD: Final = "BEGIN; LOCK TABLE pg_db_role_setting IN SHARE MODE; SELECT pg_sleep(600)"


@contextmanager
def session(
    cluster: Cluster, name: str, sql: str, database: str = "postgres"
) -> Iterator[Callable[[], None]]:
    """Somebody's session that runs SQL for as long as it takes; yields what ends it."""
    process = subprocess.Popen(
        [str(cluster.binaries.postgres_bin / "psql"), "-Xqc", sql, database],
        env=cluster.psql_environment() | {"PGAPPNAME": name},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def end() -> None:
        # psql alone would leave its backend asleep.
        cluster.ask(
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = '{name}'"
        )
        process.wait()

    try:
        asleep = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}' AND wait_event = 'PgSleep'"
        wait_until(lambda: cluster.ask(asleep) == "1", f"{name} is connected")
        yield end
        assert process.poll() is None or process.returncode != 0
    finally:
        end()


@contextmanager
def stopped_half_way(
    cluster: Cluster, action: str, **changes: str
) -> Iterator[tuple[int, Callable[[], None]]]:
    """A script that waits between the copy and the end of the database transaction that makes it whole.

    Yields its process group, and what lets it go on.
    """
    with session(cluster, "holder", HOLD) as let_go:
        script = subprocess.Popen(
            ["sh", str(CHECKOUT / "docker" / "snapshot.sh"), action],
            env=environment(cluster, **changes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        waits = (
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'pg_db_role_setting'::regclass"
        )
        try:
            wait_until(
                lambda: script.poll() is not None or cluster.ask(waits) == "1",
                "the script waits for the lock",
            )
            assert script.poll() is None
            assert STAGING in describe(cluster)
            yield script.pid, let_go
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(script.pid, signal.SIGKILL)
            script.wait()


@contextmanager
def ended_because(cluster: Cluster, reason: str) -> Iterator[None]:
    """Wait until the script that was stopped half-way has ended, for a reason that the server's log names.

    Without one it would end as well, but only when it has waited its time for the lock.
    """
    log = cluster.folder / "log"
    begun = log.stat().st_size
    yield
    waits = (
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted "
        "AND query LIKE 'INSERT INTO pg_db_role_setting%'"
    )
    wait_until(lambda: cluster.ask(waits) == "0", "the script has ended", seconds=SOONER_SECONDS)
    said = log.read_bytes()[begun:].decode()
    assert reason in said
    assert "lock timeout" not in said


def test_a_snapshot_is_of_the_superuser_alone_and_takes_no_connections(cluster: Cluster) -> None:
    development = describe(cluster)["dashtam"]
    assert re.fullmatch(r"(clone|copy) \S+\n", done(cluster, "take"))
    found = describe(cluster)
    assert found["dashtam"] == development
    assert found[ONE].startswith("postgres|t|f|-1|{postgres=CTc/postgres}|dashtam purpose=snapshot cluster=")
    assert re.fullmatch(
        rf"dashtam purpose=snapshot cluster={cluster.identifier} source=dashtam "
        r"created=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ head=0_1_init\.py reason=by hand",
        stamp(cluster),
    )
    assert STAGING not in found


def test_nobody_can_connect_to_a_snapshot_and_no_role_of_ours_can_clone_or_change_it(
    cluster: Cluster,
) -> None:
    """A template may be cloned by whoever may create databases: neither of our roles may."""
    done(cluster, "take")
    before = describe(cluster)
    with pytest.raises(AssertionError, match="not currently accepting connections"):
        cluster.ask("SELECT 1", database=ONE)
    for role, password, database in OUR_ROLES:
        with pytest.raises(AssertionError, match=r"not currently accepting connections|permission denied"):
            cluster.ask("SELECT 1", database=ONE, user=role, password=password)
        for sql, answer in (
            (f"CREATE DATABASE mine TEMPLATE {ONE}", "permission denied to create database"),
            (f"DROP DATABASE {ONE}", "must be owner"),
            (f"ALTER DATABASE {ONE} ALLOW_CONNECTIONS true", "must be owner"),
            (f"ALTER DATABASE {ONE} RENAME TO mine", "must be owner"),
            (f"COMMENT ON DATABASE {ONE} IS NULL", "must be owner"),
            (f"GRANT CONNECT ON DATABASE {ONE} TO PUBLIC", "permission denied"),
        ):
            with pytest.raises(AssertionError, match=answer):
                cluster.ask(sql, database=database, user=role, password=password)
    with pytest.raises(AssertionError, match="cannot drop a template database"):
        cluster.ask(f"DROP DATABASE {ONE} WITH (FORCE)")
    assert describe(cluster) == before


def test_what_create_database_does_not_copy_travels_with_the_snapshot(cluster: Cluster) -> None:
    """Owner, privileges, settings of the database and of roles in it, connection limit: hazard 40."""
    cluster.ask(
        "CREATE ROLE dashtam_reader; GRANT CONNECT, TEMPORARY ON DATABASE dashtam TO dashtam_reader WITH GRANT OPTION;"
        "ALTER DATABASE dashtam CONNECTION LIMIT 50;"
        "ALTER DATABASE dashtam SET search_path = '', public;"
        "ALTER DATABASE dashtam SET dashtam.motto = '\"it''s, so\"';"
        "ALTER ROLE dashtam_user IN DATABASE dashtam SET work_mem = '5MB';"
    )
    try:
        was, rows = (
            describe(cluster)["dashtam"],
            cluster.ask(f"SET search_path = public; {ROWS}", database="dashtam"),
        )
        done(cluster, "take")
        cluster.ask(
            "ALTER DATABASE dashtam RESET ALL; ALTER DATABASE dashtam CONNECTION LIMIT -1;"
            "ALTER ROLE dashtam_user IN DATABASE dashtam RESET ALL;"
            "REVOKE ALL ON DATABASE dashtam FROM dashtam_reader; GRANT CONNECT ON DATABASE dashtam TO PUBLIC"
        )
        changed = describe(cluster)["dashtam"]
        done(cluster, "restore", DASHTAM_SNAPSHOT_STAMP=stamp(cluster))
        assert describe(cluster)["dashtam"] == was
        assert describe(cluster)[BEFORE].startswith("postgres|t|f|-1|")
        assert cluster.ask(f"SET search_path = public; {ROWS}", database="dashtam") == rows
        done(
            cluster,
            "restore",
            DASHTAM_SNAPSHOT_DATABASE=BEFORE,
            DASHTAM_SNAPSHOT_STAMP=stamp(cluster, BEFORE),
            DASHTAM_SNAPSHOT_BEFORE="dashtam_snapshot_again",
        )
        assert describe(cluster)["dashtam"] == changed
    finally:
        cluster.ask(REMOVE + "DROP ROLE dashtam_reader")


def test_what_a_restore_replaces_cannot_be_dropped_even_where_it_could_be_before(cluster: Cluster) -> None:
    done(cluster, "take")
    cluster.ask("ALTER DATABASE dashtam IS_TEMPLATE false")
    answer = done(cluster, "restore", DASHTAM_SNAPSHOT_STAMP=stamp(cluster))
    assert re.fullmatch(r"(clone|copy) \S+\n", answer)
    for database in ("dashtam", BEFORE):
        with pytest.raises(AssertionError, match="cannot drop a template database"):
            cluster.ask(f"DROP DATABASE {database}")


def test_privileges_that_nobody_ever_changed_stay_so(cluster: Cluster) -> None:
    cluster.ask("UPDATE pg_database SET datacl = NULL WHERE datname = 'dashtam'")
    before = describe(cluster)["dashtam"]
    done(cluster, "take")
    done(cluster, "restore", DASHTAM_SNAPSHOT_STAMP=stamp(cluster))
    assert describe(cluster)["dashtam"] == before


def test_the_copying_is_left_to_the_file_system_where_postgresql_can(cluster: Cluster) -> None:
    can = (
        cluster.ask("SELECT 'clone' = ANY (enumvals) FROM pg_settings WHERE name = 'file_copy_method'") == "t"
    )
    log = cluster.folder / "log"
    begun = log.stat().st_size
    answer = done(cluster, "take", PGOPTIONS="-c log_statement=all")
    assert answer.startswith("clone " if can else "copy ")
    told = log.read_bytes()[begun:].decode()
    assert ("statement: SET file_copy_method = 'clone'" in told) is can


def test_the_init_scripts_go_on_beside_snapshots(cluster: Cluster) -> None:
    done(cluster, "take")
    done(cluster, "restore", DASHTAM_SNAPSHOT_STAMP=stamp(cluster))
    before = describe(cluster)
    for script in ("init-dev-db.sh", "init-test-db.sh"):
        answer = cluster.initialize(script)
        assert answer.returncode == 0, answer.stderr
    assert describe(cluster) == before


@pytest.mark.parametrize(
    ("action", "next_one"), [("take", "up"), ("take", "again"), ("restore", "mend"), ("restore", "again")]
)
def test_a_killed_script_changes_nothing_and_the_next_verb_removes_what_it_left(
    cluster: Cluster, action: str, next_one: str
) -> None:
    done(cluster, "take", DASHTAM_SNAPSHOT_DATABASE="dashtam_snapshot_kept")
    before, expected = describe(cluster), stamp(cluster, "dashtam_snapshot_kept")
    words = {"DASHTAM_SNAPSHOT_DATABASE": "dashtam_snapshot_kept", "DASHTAM_SNAPSHOT_STAMP": expected}
    changes = words if action == "restore" else {}
    with stopped_half_way(cluster, action, **changes) as (group, let_go):
        with ended_because(cluster, "connection to client lost"):
            os.killpg(group, signal.SIGKILL)
        let_go()
    assert describe(cluster) == before | {STAGING: describe(cluster)[STAGING]}
    if next_one == "up":
        assert cluster.initialize("init-dev-db.sh").returncode == 0
    else:
        done(cluster, "mend" if next_one == "mend" else action, **changes)
    after = describe(cluster)
    assert STAGING not in after
    assert after["dashtam"] == before["dashtam"]
    assert (after == before) is (next_one != "again")
    assert cluster.ask("SELECT count(*) FROM users", database="dashtam") == "1"


def test_a_script_that_outlives_its_verb_is_ended_by_the_next(cluster: Cluster) -> None:
    """As psql in a container outlives the `docker exec` that started it."""
    before = describe(cluster)
    with stopped_half_way(cluster, "take") as (_, let_go):
        with ended_because(cluster, "terminating connection due to administrator command"):
            next_one = subprocess.Popen(
                ["sh", str(CHECKOUT / "docker" / "snapshot.sh"), "mend"], env=environment(cluster)
            )
        let_go()
        assert next_one.wait(timeout=60) == 0
    assert describe(cluster) == before


def test_a_script_waits_for_one_that_could_not_be_ended(cluster: Cluster) -> None:
    before = describe(cluster)
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = {}"
    lock = "SELECT pg_advisory_lock(hashtext('dashtam.snapshots'))"
    with ThreadPoolExecutor(1) as background:
        with cluster.holding(lock, database="postgres"):
            wait_until(lambda: cluster.ask(locks.format(True)) == "1", "somebody is at work")
            waiting = background.submit(done, cluster, "take")
            wait_until(lambda: waiting.done() or cluster.ask(locks.format(False)) == "1", "the script waits")
            assert not waiting.done()
            assert describe(cluster) == before
        waiting.result()
    assert ONE in describe(cluster)


def test_what_only_looks_like_a_leftover_is_left_alone(cluster: Cluster) -> None:
    done(cluster, "take")
    expected = stamp(cluster)
    # What makes a leftover must be true of that database, and not of another one.
    cluster.ask("CREATE DATABASE dashtam_closed TEMPLATE template0 ALLOW_CONNECTIONS false")
    for number, options in enumerate(
        ("", "ALLOW_CONNECTIONS false OWNER dashtam_user", "ALLOW_CONNECTIONS false IS_TEMPLATE true")
    ):
        cluster.ask(f"CREATE DATABASE {STAGING} TEMPLATE template0 {options}")
        assert "no killed verb left it" in refused(cluster, "mend")
        cluster.ask(f"ALTER DATABASE {STAGING} RENAME TO dashtam_snapshot_like_{number}")
    cluster.ask(f"CREATE DATABASE {STAGING} TEMPLATE template0 ALLOW_CONNECTIONS false")
    cluster.ask(f"COMMENT ON DATABASE {STAGING} IS 'the only copy'")
    for action in ("mend", "take", "restore", "drop"):
        assert "no killed verb left it" in refused(cluster, action, DASHTAM_SNAPSHOT_STAMP=expected)
    assert cluster.initialize("init-dev-db.sh").returncode == 3


@pytest.mark.parametrize(
    "comment", ["mine", "dashtam purpose=snapshot cluster=1 source=dashtam created=x head=y reason=by hand"]
)
def test_a_database_that_is_only_called_like_a_snapshot_is_neither_restored_nor_dropped(
    cluster: Cluster, comment: str
) -> None:
    cluster.ask(f"CREATE DATABASE {ONE}")
    cluster.ask(f"COMMENT ON DATABASE {ONE} IS '{comment}'")
    for action in ("restore", "drop"):
        said = refused(cluster, action, DASHTAM_SNAPSHOT_STAMP=comment)
        assert "is not the stamp of a snapshot" in said


def test_a_taken_name_is_refused(cluster: Cluster) -> None:
    done(cluster, "take")
    assert "is taken; name another" in refused(cluster, "take")
    assert "is taken; try again" in refused(
        cluster, "restore", DASHTAM_SNAPSHOT_BEFORE=ONE, DASHTAM_SNAPSHOT_STAMP=stamp(cluster)
    )


def test_what_is_not_development_is_neither_copied_nor_replaced(cluster: Cluster) -> None:
    done(cluster, "take")
    expected = stamp(cluster)
    for source in ("dashtam_test", "nothing"):
        assert "the stamp of database" in refused(
            cluster, "take", DASHTAM_SNAPSHOT_SOURCE=source, DASHTAM_SNAPSHOT_DATABASE="dashtam_snapshot_two"
        )
        said = refused(cluster, "restore", DASHTAM_SNAPSHOT_SOURCE=source, DASHTAM_SNAPSHOT_STAMP=expected)
        assert f"the stamp of database {source}" in said
        assert f"is not the stamp of a snapshot of {source}" in said


def test_somebody_elses_session_is_never_ended(cluster: Cluster) -> None:
    before = describe(cluster)
    with session(cluster, "stranger", "SELECT pg_sleep(600)", "dashtam"):
        answer = run(cluster, "take")
        assert answer.returncode == 1
        assert "being accessed by other users" in answer.stderr
        assert cluster.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stranger'") == "1"
    assert describe(cluster) == before


def test_the_one_database_that_is_ever_dropped_is_the_one_that_nobody_can_name() -> None:
    """A snapshot cannot be called like the staging database, and no script of snapshots drops anything else."""
    folder = CHECKOUT / "docker"
    texts = [path.read_text() for path in (folder / "snapshot.sh", *(folder / "snapshots").glob("*.psql"))]
    statements = re.findall(
        r"^[^-\n]*\b(DROP\s+\S+\s+[^\s;]+|DELETE\s+FROM|TRUNCATE)", "\n".join(texts), re.MULTILINE
    )
    assert statements == [f"DROP DATABASE {STAGING}"]
    assert "FORCE" not in "".join(texts)
