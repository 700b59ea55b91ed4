"""docker/init-*.sh make roles and databases once, with least privilege, and adopt nothing that is not ours."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.servers.clusters import Cluster, wait_until

SCRIPTS = ("init-dev-db.sh", "init-test-db.sh")
READ_ONLY = "-c default_transaction_read_only=on"


def initialize(cluster: Cluster) -> None:
    for script in SCRIPTS:
        answer = cluster.initialize(script)
        assert answer.returncode == 0, answer.stderr


def databases(cluster: Cluster) -> dict[str, tuple[str, ...]]:
    rows = cluster.ask(
        "SELECT datname, rolname, datistemplate, shobj_description(d.oid, 'pg_database') FROM pg_database d "
        "JOIN pg_roles r ON r.oid = datdba WHERE datname LIKE 'dashtam%' ORDER BY 1"
    )
    return {name: tuple(rest) for name, *rest in (row.split("|") for row in rows.splitlines())}


@pytest.mark.parametrize("order", [SCRIPTS, SCRIPTS[::-1]])
def test_both_databases_are_made_whichever_comes_first(
    empty_cluster: Cluster, order: tuple[str, ...]
) -> None:
    for script in order:
        assert empty_cluster.initialize(script).returncode == 0
    identifier = empty_cluster.identifier
    assert databases(empty_cluster) == {
        "dashtam": ("dashtam_user", "t", f"dashtam purpose=development cluster={identifier}"),
        "dashtam_test": ("dashtam_test_user", "f", f"dashtam purpose=testing cluster={identifier}"),
    }


def test_a_second_run_changes_nothing_and_keeps_rows(cluster: Cluster) -> None:
    before = databases(cluster)
    initialize(cluster)
    assert databases(cluster) == before
    for database in ("dashtam", "dashtam_test"):
        assert cluster.ask("SELECT count(*) FROM users", database=database) == "1"


def test_roles_have_no_privilege_beyond_their_database(empty_cluster: Cluster) -> None:
    initialize(empty_cluster)
    flags = empty_cluster.ask(
        "SELECT DISTINCT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin "
        "FROM pg_roles WHERE rolname LIKE 'dashtam%'"
    )
    assert flags == "f|f|f|f|f|t"


ALL_ARE_LET_IN = """
GRANT ALL ON DATABASE postgres, template1 TO PUBLIC;
GRANT EXECUTE ON FUNCTION lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea) TO PUBLIC;
"""
REACH = """
SELECT rolname, datname, string_agg(privilege, ',' ORDER BY privilege)
  FROM pg_roles, pg_database, (VALUES ('CONNECT'), ('TEMPORARY'), ('CREATE')) AS p (privilege)
 WHERE rolname LIKE 'dashtam%' AND datallowconn AND has_database_privilege(pg_roles.oid, pg_database.oid, privilege)
 GROUP BY rolname, datname ORDER BY rolname, datname
"""


def test_each_role_reaches_its_own_database_and_that_of_tests_the_maintenance_database(
    empty_cluster: Cluster,
) -> None:
    empty_cluster.ask(ALL_ARE_LET_IN)
    initialize(empty_cluster)
    expected = [
        "dashtam_test_user|dashtam_test|CONNECT,CREATE,TEMPORARY",
        "dashtam_test_user|postgres|CONNECT",
        "dashtam_user|dashtam|CONNECT,CREATE,TEMPORARY",
    ]
    assert empty_cluster.ask(REACH).split() == expected
    empty_cluster.ask("GRANT ALL ON DATABASE dashtam, dashtam_test TO PUBLIC")
    initialize(empty_cluster)
    assert empty_cluster.ask(REACH).split() == expected


def test_nobody_makes_large_objects_or_uses_a_schema_by_being_anybody(empty_cluster: Cluster) -> None:
    empty_cluster.ask(ALL_ARE_LET_IN)
    initialize(empty_cluster)
    makers = "'lo_create(oid)', 'lo_creat(integer)', 'lo_from_bytea(oid, bytea)'"
    may = f"SELECT bool_or(has_function_privilege('dashtam_user', f, 'EXECUTE')) FROM unnest(ARRAY[{makers}]) AS f"
    assert empty_cluster.ask(may) == "f"
    for database in ("dashtam", "dashtam_test"):
        everybody = (
            "SELECT count(*) FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'public' AND grantee = 0"
        )
        assert empty_cluster.ask(everybody, database=database) == "0"


def test_even_the_superuser_cannot_drop_development(empty_cluster: Cluster) -> None:
    initialize(empty_cluster)
    with pytest.raises(AssertionError, match="cannot drop a template database"):
        empty_cluster.ask("DROP DATABASE dashtam WITH (FORCE)")


def test_a_password_that_changed_is_taken_over(cluster: Cluster) -> None:
    assert (
        cluster.initialize("init-test-db.sh", TEST_POSTGRES_PASSWORD='it\'s new; \\ "quoted"').returncode == 0
    )
    answer = cluster.ask(
        "SELECT current_user",
        database="dashtam_test",
        user="dashtam_test_user",
        password='it\'s new; \\ "quoted"',
    )
    assert answer == "dashtam_test_user"


def test_no_password_reaches_the_log_of_the_server(cluster: Cluster) -> None:
    """Not as a statement, not as one that took long, and not as one that failed."""
    log = cluster.folder / "log"
    begun = log.stat().st_size
    settings = {"log_statement": "all", "log_min_duration_statement": "0"}
    for setting, value in settings.items():
        cluster.ask(f"ALTER SYSTEM SET {setting} = '{value}'")
    cluster.ask("SELECT pg_reload_conf()")
    try:
        initialize(cluster)
        cluster.initialize("init-test-db.sh", PGOPTIONS=READ_ONLY)
    finally:
        for setting in settings:
            cluster.ask(f"ALTER SYSTEM RESET {setting}")
        cluster.ask("SELECT pg_reload_conf()")
    said = log.read_bytes()[begun:].decode()
    assert "test_password" not in said
    assert "development_password" not in said


def test_the_first_statement_that_fails_is_the_last(cluster: Cluster) -> None:
    answer = cluster.initialize("init-test-db.sh", PGOPTIONS=READ_ONLY)
    assert answer.returncode == 1
    assert answer.stderr.count("in a read-only transaction") == 1
    assert answer.stdout == ""


@pytest.mark.parametrize("database", ["postgres", "dashtam_test"])
def test_one_run_waits_for_another(cluster: Cluster, database: str) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    lock = "SELECT pg_advisory_lock(hashtext('dashtam.ensure-database'))"
    with ThreadPoolExecutor(1) as background:
        with cluster.holding(lock, database=database):
            taken = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            wait_until(lambda: cluster.ask(taken) == "1", "somebody is at work")
            run = background.submit(cluster.initialize, "init-test-db.sh")
            wait_until(lambda: run.done() or cluster.ask(waiting) == "1", "the run waits")
            assert not run.done()
        assert run.result().returncode == 0


def test_a_database_lets_nobody_else_in_before_it_has_its_name(empty_cluster: Cluster) -> None:
    assert empty_cluster.initialize("init-dev-db.sh").returncode == 0
    empty_cluster.ask("CREATE DATABASE dashtam_test_building TEMPLATE template0")
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND NOT granted"
    held = "BEGIN; ALTER ROLE postgres IN DATABASE dashtam_test_building SET work_mem = '4MB'"
    with ThreadPoolExecutor(1) as background:
        with empty_cluster.holding(held, database="postgres"):
            taken = "SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND database = 0 AND granted"
            wait_until(lambda: empty_cluster.ask(taken) != "0", "the name cannot be changed")
            run = background.submit(empty_cluster.initialize, "init-test-db.sh")
            wait_until(lambda: run.done() or empty_cluster.ask(waiting) == "1", "the run waits")
            assert not run.done()
            let_in = "SELECT has_database_privilege('dashtam_user', 'dashtam_test_building', 'CONNECT')"
            assert empty_cluster.ask(let_in) == "f"
        assert run.result().returncode == 0
    assert set(databases(empty_cluster)) == {"dashtam", "dashtam_test"}


@pytest.mark.parametrize("comment", ["NULL", "'test'", "'dashtam purpose=testing cluster=1'"])
def test_a_database_that_is_not_ours_is_not_adopted(empty_cluster: Cluster, comment: str) -> None:
    empty_cluster.ask("CREATE DATABASE dashtam_test")
    empty_cluster.ask(f"COMMENT ON DATABASE dashtam_test IS {comment}")
    answer = empty_cluster.initialize("init-test-db.sh")
    assert answer.returncode == 3
    assert "does not carry our stamp" in answer.stderr
    assert "ALTER DATABASE dashtam_test RENAME TO" in answer.stderr
    assert databases(empty_cluster)["dashtam_test"][0] == "postgres"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"TEST_POSTGRES_DB": "latest"}, "expected dashtam_test"),
        ({"TEST_POSTGRES_DB": "dashtam"}, "expected dashtam_test"),
        ({"TEST_POSTGRES_DB": "dashtam_test_a_b"}, "expected dashtam_test"),
        ({"TEST_POSTGRES_DB": "dashtam_testing"}, "expected dashtam_test"),
        ({"TEST_POSTGRES_USER": "postgres"}, "is the superuser"),
        ({"TEST_POSTGRES_USER": "dashtam_user"}, "owns the database dashtam as well"),
    ],
)
def test_what_would_mix_test_and_development_is_refused(
    cluster: Cluster, changes: dict[str, str], reason: str
) -> None:
    before = databases(cluster)
    answer = cluster.initialize("init-test-db.sh", **changes)
    assert answer.returncode == 3
    assert reason in answer.stderr
    assert databases(cluster) == before


def test_the_role_of_tests_may_not_be_that_of_development(cluster: Cluster) -> None:
    before = databases(cluster)
    changes = {"DEV_POSTGRES_DB": "dashtam_two", "DEV_POSTGRES_USER": "dashtam_test_user"}
    answer = cluster.initialize("init-dev-db.sh", **changes)
    assert answer.returncode == 3
    assert "owns the database dashtam_test as well" in answer.stderr
    assert databases(cluster) == before


def test_one_role_may_own_several_test_databases(cluster: Cluster) -> None:
    answer = cluster.initialize("init-test-db.sh", TEST_POSTGRES_DB="dashtam_test_two")
    assert answer.returncode == 0, answer.stderr
    assert databases(cluster)["dashtam_test_two"][0] == "dashtam_test_user"


@pytest.mark.parametrize(
    ("script", "database", "expected"),
    [
        ("init-test-db.sh", "dashtam_test", "dashtam_test_user"),
        ("init-dev-db.sh", "dashtam", "dashtam_user"),
    ],
)
def test_a_database_that_another_role_owns_is_refused_in_spite_of_its_stamp(
    cluster: Cluster, script: str, database: str, expected: str
) -> None:
    cluster.ask(f"ALTER DATABASE {database} OWNER TO postgres")
    before = databases(cluster)
    answer = cluster.initialize(script)
    assert answer.returncode == 3
    assert f"database {database} belongs to postgres; expected {expected}" in answer.stderr
    assert databases(cluster) == before


def test_a_question_that_fails_is_no_leave_to_go_on(empty_cluster: Cluster) -> None:
    """Somebody else's database is there, and whose it is cannot be asked."""
    empty_cluster.ask(
        "CREATE DATABASE dashtam_test; CREATE SCHEMA broken; CREATE FUNCTION broken.shobj_description(oid, name) "
        "RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE ''not to be asked''; END'"
    )
    try:
        answer = empty_cluster.initialize("init-test-db.sh", PGOPTIONS="-c search_path=broken,pg_catalog")
    finally:
        empty_cluster.ask("SET client_min_messages = warning; DROP SCHEMA broken CASCADE")
    assert answer.returncode == 1
    assert "not to be asked" in answer.stderr
    assert empty_cluster.ask("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'dashtam%'") == "0"


@pytest.mark.parametrize("name", ["dashtam_test", "dashtam_test_two", "dashtam_snapshot_one"])
def test_a_development_database_may_not_be_called_like_one_for_tests_or_a_snapshot(
    empty_cluster: Cluster, name: str
) -> None:
    assert empty_cluster.initialize("init-dev-db.sh", DEV_POSTGRES_DB=name).returncode == 3
    assert databases(empty_cluster) == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"TEST_POSTGRES_USER": "Robert'); --"}, "expected lower-case letters, digits and _"),
        ({"TEST_POSTGRES_USER": "1st"}, "expected lower-case letters, digits and _"),
        ({"TEST_POSTGRES_USER": "dashtam-user"}, "expected lower-case letters, digits and _"),
        ({"TEST_POSTGRES_DB": ""}, "TEST_POSTGRES_DB: is not set"),
        ({"TEST_POSTGRES_USER": ""}, "TEST_POSTGRES_USER: is not set"),
        ({"TEST_POSTGRES_PASSWORD": ""}, "TEST_POSTGRES_PASSWORD: is not set"),
        ({"DEV_POSTGRES_DB": ""}, "DEV_POSTGRES_DB: is not set"),
        ({"DEV_POSTGRES_USER": ""}, "DEV_POSTGRES_USER: is not set"),
        ({"DEV_POSTGRES_PASSWORD": ""}, "DEV_POSTGRES_PASSWORD: is not set"),
        # PostgreSQL cuts names after 63 bytes, so that two long ones may become one.
        ({"TEST_POSTGRES_USER": f"dashtam_{'u' * 43}"}, "has 51 characters; expected at most 50"),
        ({"TEST_POSTGRES_DB": f"dashtam_test_{'a' * 38}"}, "has 51 characters; expected at most 50"),
    ],
)
def test_malformed_or_long_names_and_empty_values_are_told_and_change_nothing(
    empty_cluster: Cluster, changes: dict[str, str], reason: str
) -> None:
    script = "init-dev-db.sh" if "DEV" in "".join(changes) else "init-test-db.sh"
    answer = empty_cluster.initialize(script, **changes)
    assert answer.returncode not in {0, 3}
    assert reason in answer.stderr
    assert databases(empty_cluster) == {}


def test_a_run_that_was_killed_half_way_is_finished_by_the_next(empty_cluster: Cluster) -> None:
    empty_cluster.ask("CREATE DATABASE dashtam_test_building TEMPLATE template0")
    initialize(empty_cluster)
    assert set(databases(empty_cluster)) == {"dashtam", "dashtam_test"}
    assert databases(empty_cluster)["dashtam_test"][0] == "dashtam_test_user"


def test_what_a_killed_verb_left_of_a_snapshot_goes_before_anything_else_is_done(
    empty_cluster: Cluster,
) -> None:
    empty_cluster.ask("CREATE DATABASE dashtam_snapshot__staging TEMPLATE template0 ALLOW_CONNECTIONS false")
    assert empty_cluster.initialize("init-dev-db.sh").returncode == 0
    assert set(databases(empty_cluster)) == {"dashtam"}


def test_what_only_looks_like_that_stays_and_nothing_is_done(empty_cluster: Cluster) -> None:
    empty_cluster.ask("CREATE DATABASE dashtam_snapshot__staging TEMPLATE template0")
    answer = empty_cluster.initialize("init-dev-db.sh")
    assert answer.returncode == 3
    assert "no killed verb left it" in answer.stderr
    assert set(databases(empty_cluster)) == {"dashtam_snapshot__staging"}


def test_nothing_is_inherited_from_template1(empty_cluster: Cluster) -> None:
    empty_cluster.ask("CREATE TABLE pollution (id int)", database="template1")
    try:
        initialize(empty_cluster)
        assert empty_cluster.ask("SELECT to_regclass('pollution') IS NULL", database="dashtam_test") == "t"
    finally:
        empty_cluster.ask("DROP TABLE pollution", database="template1")


def test_the_extension_for_uuids_is_made_where_the_server_ships_it(empty_cluster: Cluster) -> None:
    shipped = empty_cluster.folder / "shipped"
    (shipped / "extension").mkdir(parents=True, exist_ok=True)
    (shipped / "extension" / "uuid-ossp.control").write_text("default_version = '1.1'\nrelocatable = true\n")
    (shipped / "extension" / "uuid-ossp--1.1.sql").write_text("SELECT;\n")
    for path in (shipped, *shipped.rglob("*")):
        path.chmod(0o755)  # the server may run under another account
    for script in SCRIPTS * 2:
        answer = empty_cluster.initialize(script, PGOPTIONS=f"-c extension_control_path={shipped}:$system")
        assert answer.returncode == 0, answer.stderr
    made = "SELECT count(*) FROM pg_extension WHERE extname = 'uuid-ossp'"
    for database in ("dashtam", "dashtam_test"):
        assert empty_cluster.ask(made, database=database) == "1"


def test_a_server_that_does_not_let_us_in_is_a_failure_and_no_refusal(cluster: Cluster) -> None:
    assert cluster.initialize("init-test-db.sh", PGPASSWORD="wrong").returncode == 1


@contextmanager
def cut_short(cluster: Cluster, database: str) -> Iterator[None]:
    """Leave a database as a DROP DATABASE does that a killed server or a full disk cuts short."""
    mark = "UPDATE pg_database SET datconnlimit = {} WHERE datname = '{}'"
    cluster.ask(mark.format(-2, database))
    with pytest.raises(AssertionError, match="cannot connect to invalid database"):
        cluster.ask("SELECT 1", database=database)
    try:
        yield
    finally:
        cluster.ask(mark.format(-1, database))


def test_a_test_database_whose_drop_was_cut_short_is_dropped_to_its_end_and_made_again(
    cluster: Cluster,
) -> None:
    cluster.ask("CREATE DATABASE dashtam_somebodys TEMPLATE template0")
    before = databases(cluster)
    with cut_short(cluster, "dashtam_test"), cut_short(cluster, "dashtam_somebodys"):
        initialize(cluster)
        assert databases(cluster) == before
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert cluster.ask(tables, database="dashtam_test") == "0"
    assert cluster.ask("SELECT count(*) FROM users", database="dashtam") == "1"


def test_a_broken_database_with_another_stamp_is_not_dropped(cluster: Cluster) -> None:
    cluster.ask("COMMENT ON DATABASE dashtam_test IS 'mine'")
    with cut_short(cluster, "dashtam_test"):
        answer = cluster.initialize("init-test-db.sh")
        assert answer.returncode == 3, answer.stderr
        assert "dashtam_test" in databases(cluster)


def test_a_broken_development_database_is_not_dropped(cluster: Cluster) -> None:
    cluster.ask("ALTER DATABASE dashtam IS_TEMPLATE false")
    with cut_short(cluster, "dashtam"):
        answer = cluster.initialize("init-dev-db.sh")
        assert answer.returncode == 1, answer.stderr
        assert 'invalid database "dashtam"' in answer.stderr
        assert "dashtam" in databases(cluster)
