"""init_test_db makes the test database new, whatever happens in between, and touches nothing else."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dashtam.database.errors import DatabaseNotReady
from dashtam.devenv.engines.embedded.account import Account
from dashtam.devenv.engines.embedded.binaries import Binaries
from dashtam.disposable import init_test_db
from dashtam.models import __models__
from tests.support.checkout import CHECKOUT
from tests.support.servers.clusters import Cluster, start_cluster, start_standby, wait_until
from tests.support.servers.servers import CANARY

MODULE = "dashtam.disposable.init_test_db"
STEPS = "123456789"
TABLES = sorted(model._meta.db_table for model in __models__)


def tables(cluster: Cluster, database: str = "dashtam_test") -> list[str]:
    names = cluster.ask(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'aerich' ORDER BY 1",
        database=database,
    )
    return names.split()


def canaries(cluster: Cluster, database: str) -> str:
    return cluster.ask("SELECT count(*) FROM users WHERE email = 'canary@example.com'", database=database)


@contextmanager
def table_in_use(cluster: Cluster) -> Iterator[None]:
    """Somebody who looks like us, but took no lock, has read a table and is idle in a transaction."""
    environment = cluster.environment("testing") | {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(cluster.port),
        "PGUSER": "dashtam_test_user",
        "PGPASSWORD": "test_password",
        "PGDATABASE": "dashtam_test",
        "PGAPPNAME": "dashtam.testing.pytest",
    }
    psql = subprocess.Popen(
        [str(cluster.binaries.postgres_bin / "psql"), "-XAtq"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert psql.stdin is not None
    in_use = (
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE relation = 'users'::regclass "
    )
    with psql:  # leaving it closes what psql reads, and so ends it
        psql.stdin.write("BEGIN; TABLE users;\n")
        psql.stdin.flush()
        idle = in_use + "AND state = 'idle in transaction'"
        wait_until(lambda: cluster.ask(idle, database="dashtam_test") != "0", "the table is in use")
        yield


def test_the_nine_steps_are_ticked_and_every_run_starts_clean(cluster: Cluster) -> None:
    answer = cluster.run(MODULE, "testing")
    lines = answer.stdout.splitlines()
    assert answer.returncode == 0
    assert [line[:3] for line in lines] == [f"✓ {step}" for step in STEPS]
    assert lines[5] == f"✓ 6 existing tables dropped  tables={len(TABLES) + 1}"  # one of them is Aerich's own
    assert "Test DB ready" in lines[-1]
    assert lines[3].endswith(
        "synchronous_commit=off fsync='not allowed here' full_page_writes='not allowed here'"
    )
    assert tables(cluster) == TABLES
    assert canaries(cluster, "dashtam_test") == "0"
    assert canaries(cluster, "dashtam") == "1"


EXTENSIONS = "CREATE EXTENSION pg_buffercache; CREATE EXTENSION tablefunc; CREATE EXTENSION lo;"
LITTER = """
SET ROLE dashtam_test_user;
CREATE SCHEMA mine; CREATE TABLE mine.notes (id int); CREATE SCHEMA "Odd ""name";
CREATE TABLE litter (id serial PRIMARY KEY); CREATE TABLE "Odd ""table" (id int REFERENCES litter);
CREATE TABLE split (id int) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF split DEFAULT;
CREATE VIEW seen AS TABLE litter; CREATE VIEW seen_twice AS TABLE seen;
CREATE MATERIALIZED VIEW kept AS TABLE litter; CREATE SEQUENCE alone;
CREATE TYPE mood AS ENUM ('good'); CREATE DOMAIN short AS text; CREATE TYPE pair AS (a int, b mood);
CREATE TYPE span AS RANGE (subtype = int);
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql RETURN $1 * 2;
CREATE FUNCTION twice(mood) RETURNS mood LANGUAGE sql RETURN $1;
CREATE PROCEDURE nothing() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
CREATE AGGREGATE most(int) (sfunc = int4larger, stype = int);
"""
OBJECTS = """
SELECT 'schema ' || nspname AS what FROM pg_namespace WHERE nspname !~ '^pg_' UNION ALL
SELECT format('%s %s.%s', relkind, relnamespace::regnamespace, relname) FROM pg_class
 WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)' UNION ALL
SELECT format('%s %s', prokind, oid::regprocedure) FROM pg_proc
 WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)' UNION ALL
SELECT format('%s %s.%s', typtype, typnamespace::regnamespace, typname) FROM pg_type
 WHERE typnamespace::regnamespace::text !~ '^(pg_|information_schema)' ORDER BY 1
"""


def test_whatever_the_tests_made_goes_and_what_extensions_brought_stays(cluster: Cluster) -> None:
    cluster.ask(EXTENSIONS, database="dashtam_test")
    expected = cluster.ask(OBJECTS, database="dashtam_test").splitlines()
    assert "v public.pg_buffercache" in expected
    cluster.ask(LITTER, database="dashtam_test")
    answer = cluster.run(MODULE, "testing")
    assert answer.returncode == 0, answer.stderr
    assert cluster.ask(OBJECTS, database="dashtam_test").splitlines() == expected


def test_no_setting_of_the_server_is_changed(cluster: Cluster) -> None:
    assert cluster.run(MODULE, "testing").returncode == 0
    assert cluster.ask("SELECT count(*) FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'") == "0"
    assert cluster.ask("SHOW synchronous_commit", database="dashtam") == "on"
    assert cluster.ask("SHOW synchronous_commit", database="dashtam_test") == "off"


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("COMMENT ON DATABASE dashtam_test IS NULL", "the stamp of dashtam_test is None"),
        (
            "COMMENT ON DATABASE dashtam_test IS 'dashtam purpose=development cluster=1'",
            "the stamp of dashtam_test is",
        ),
        ("ALTER DATABASE dashtam_test IS_TEMPLATE true", "is a template"),
        (
            "ALTER DATABASE dashtam_test OWNER TO postgres; GRANT ALL ON DATABASE dashtam_test TO PUBLIC",
            "belongs to postgres",
        ),
        ("ALTER ROLE dashtam_test_user CREATEDB", "is a superuser, or may create databases"),
        ("ALTER ROLE dashtam_test_user SUPERUSER", "is a superuser, or may create databases"),
        ("GRANT CONNECT ON DATABASE dashtam TO PUBLIC", "may connect to dashtam"),
    ],
)
def test_a_guard_that_trips_leaves_every_row(cluster: Cluster, sql: str, reason: str) -> None:
    cluster.ask(sql)
    answer = cluster.run(MODULE, "testing")
    assert answer.returncode == 3
    assert reason in answer.stderr
    assert canaries(cluster, "dashtam_test") == "1"


def test_nothing_in_the_shell_overrides_a_guard(cluster: Cluster) -> None:
    """What other tools obey in such a moment, and what somebody might have added here."""
    overrides = (
        *(
            "DISABLE_DATABASE_ENVIRONMENT_CHECK",
            "PRISMA_USER_CONSENT_FOR_DANGEROUS_AI_ACTION",
            "ALLOW_DESTRUCTIVE",
        ),
        *("FORCE", "YES", "CI", "NOINPUT", "SKIP_CHECKS", "UNSAFE", "I_KNOW_WHAT_I_AM_DOING"),
    )
    shell = {f"{prefix}{name}": "1" for name in overrides for prefix in ("", "DASHTAM_", "TEST_")}
    cluster.ask("COMMENT ON DATABASE dashtam_test IS NULL")
    for module in (MODULE, "dashtam.disposable.drop_test_db"):
        answer = cluster.run(module, "testing", **shell)
        assert answer.returncode == 3
        assert "the stamp" in answer.stderr
    assert canaries(cluster, "dashtam_test") == "1"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ENVIRONMENT": "production"}, "expected testing"),
        ({"ENVIRONMENT": "development"}, "expected testing"),
        ({"TESTING": "false"}, "expected true"),
        ({"TESTING": "'false'"}, "TESTING"),
        ({"TESTING": "yes"}, "TESTING"),
        ({"CLUSTER_IDENTIFIER": "42"}, "expected 42"),
        ({"REDIS_URL": "redis://:redis_password@127.0.0.1:1/0"}, "index 0"),
    ],
)
def test_settings_that_are_not_those_of_the_test_environment_are_refused(
    cluster: Cluster, changes: dict[str, str], reason: str
) -> None:
    answer = cluster.run(MODULE, "testing", **changes)
    assert answer.returncode == 3
    assert reason in answer.stderr
    assert canaries(cluster, "dashtam_test") == "1"


def test_the_url_of_development_is_refused(cluster: Cluster) -> None:
    url = cluster.environment("development")["DATABASE_URL"]
    answer = cluster.run(MODULE, "testing", DATABASE_URL=url)
    assert answer.returncode == 3
    assert canaries(cluster, "dashtam") == "1"


def test_variables_of_libpq_lead_nowhere(cluster: Cluster) -> None:
    hostile = {
        "PGHOST": "production.example.com",
        "PGPORT": "1",
        "PGDATABASE": "dashtam",
        "PGUSER": "dashtam_user",
        "PGPASSWORD": "development_password",
        "PGOPTIONS": "-c search_path=prod",
        "PGSERVICE": "production",
        "PGSERVICEFILE": "/nonexistent",
        "PGPASSFILE": "/nonexistent",
        "PGTARGETSESSIONATTRS": "standby",
        "PGSSLMODE": "verify-full",
        "PGAPPNAME": "somebody",
    }
    answer = cluster.run(MODULE, "testing", **hostile)
    assert answer.returncode == 0, answer.stderr
    assert canaries(cluster, "dashtam") == "1"


def test_another_cluster_with_the_same_names_and_passwords_is_left_alone(
    cluster: Cluster, programs: tuple[Binaries, Account | None]
) -> None:
    """As through a tunnel: everything is called alike, and only the cluster is not ours."""
    with start_cluster(*programs) as other:
        for script in ("init-dev-db.sh", "init-test-db.sh"):
            other.initialize(script)
        assert other.run(MODULE, "testing").returncode == 0
        other.ask(CANARY, database="dashtam_test")
        answer = other.run(MODULE, "testing", CLUSTER_IDENTIFIER=cluster.identifier)
        assert answer.returncode == 3
        assert (
            f"this is the PostgreSQL cluster {other.identifier}; expected {cluster.identifier}"
            in answer.stderr
        )
        assert canaries(other, "dashtam_test") == "1"


def test_a_replica_of_our_own_cluster_is_refused(
    cluster: Cluster, programs: tuple[Binaries, Account | None]
) -> None:
    """It shares the system_identifier, the names and the stamp with its primary server."""
    with start_standby(cluster, programs[1]) as standby:
        answer = standby.run(MODULE, "testing")
    assert answer.returncode == 3
    assert "in recovery" in answer.stderr


def test_of_parallel_runs_each_one_builds_or_is_refused(cluster: Cluster) -> None:
    runs = [cluster.start(MODULE, "testing") for _ in range(4)]
    ends = [(run.communicate(timeout=300)[1], run.returncode) for run in runs]
    codes = [code for _, code in ends]
    assert set(codes) <= {0, 3}, ends
    assert 0 in codes
    assert tables(cluster) == TABLES


def test_a_table_in_use_is_an_error_and_nothing_is_lost(cluster: Cluster) -> None:
    with table_in_use(cluster):
        answer = cluster.run(MODULE, "testing")
    assert answer.returncode == 1
    assert "dashtam_test was left as it was" in answer.stderr
    assert canaries(cluster, "dashtam_test") == "1"


def test_killed_inside_the_database_transaction_everything_is_as_before(cluster: Cluster) -> None:
    with table_in_use(cluster):
        run = cluster.start(MODULE, "testing")
        wait_until(
            lambda: (
                cluster.ask("SELECT count(*) FROM pg_locks WHERE NOT granted", database="dashtam_test") != "0"
            ),
            "the reset waits inside its database transaction",
        )
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
    assert canaries(cluster, "dashtam_test") == "1"
    again = cluster.run(MODULE, "testing")
    assert again.returncode == 0, again.stderr
    assert tables(cluster) == TABLES


@pytest.mark.parametrize("step", STEPS[1:])
def test_killed_after_any_step_the_database_is_as_before_or_ready(cluster: Cluster, step: str) -> None:
    run = cluster.start(MODULE, "testing")
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith(f"✓ {step}"):
            break
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    assert tables(cluster) == TABLES
    assert canaries(cluster, "dashtam") == "1"
    again = cluster.run(MODULE, "testing")
    assert again.returncode == 0, again.stderr


async def test_tables_that_are_missing_afterwards_are_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(*_: object) -> None:
        """Builds nothing, as a server would that lost what it said it had done."""

    cluster.ask("DROP TABLE provider_tokens CASCADE", database="dashtam_test")
    for name, value in cluster.environment("testing").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(init_test_db, "reset", forget)
    with pytest.raises(DatabaseNotReady, match="tables missing after they were created: provider_tokens"):
        await init_test_db.initialize()


def test_a_missing_database_says_what_is_missing(cluster: Cluster) -> None:
    cluster.ask("DROP DATABASE dashtam_test")
    answer = cluster.run(MODULE, "testing")
    assert answer.returncode == 1
    assert 'database "dashtam_test" does not exist' in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_suffix_names_a_second_test_database(cluster: Cluster) -> None:
    assert cluster.initialize("init-test-db.sh", TEST_POSTGRES_DB="dashtam_test_two").returncode == 0
    url = cluster.environment("testing")["DATABASE_URL"] + "_two"
    answer = cluster.run(MODULE, "testing", DATABASE_URL=url)
    assert answer.returncode == 0, answer.stderr
    assert tables(cluster, "dashtam_test_two") == TABLES
    assert canaries(cluster, "dashtam_test") == "1"


def test_a_bare_run_without_any_settings_is_refused_without_a_traceback() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", MODULE],
        env={"PATH": os.environ["PATH"]},
        cwd=CHECKOUT / "docker",
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 3
    assert "TESTING is missing" in answer.stderr
