"""docker/init-*.sh make roles and databases once, with least privilege, and adopt nothing that is not ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.clusters import Cluster

SCRIPTS = ("init-dev-db.sh", "init-test-db.sh")


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
    assert cluster.ask("SELECT count(*) FROM users", database="dashtam") == "1"


def test_roles_have_no_privilege_beyond_their_database(empty_cluster: Cluster) -> None:
    initialize(empty_cluster)
    flags = empty_cluster.ask(
        "SELECT DISTINCT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin "
        "FROM pg_roles WHERE rolname LIKE 'dashtam%'"
    )
    assert flags == "f|f|f|f|f|t"
    reach = empty_cluster.ask(
        "SELECT rolname, datname FROM pg_roles, pg_database WHERE rolname LIKE 'dashtam%' AND datname LIKE 'dashtam%' "
        "AND has_database_privilege(pg_roles.oid, pg_database.oid, 'CONNECT') ORDER BY 1"
    )
    assert reach.split() == ["dashtam_test_user|dashtam_test", "dashtam_user|dashtam"]


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
    cluster.ask("ALTER SYSTEM SET log_statement = 'all'")
    cluster.ask("SELECT pg_reload_conf()")
    try:
        initialize(cluster)
    finally:
        cluster.ask("ALTER SYSTEM RESET log_statement")
        cluster.ask("SELECT pg_reload_conf()")
    log = (cluster.folder / "log").read_text()
    assert "test_password" not in log
    assert "development_password" not in log


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


def test_a_development_database_may_not_be_called_like_one_for_tests(empty_cluster: Cluster) -> None:
    assert empty_cluster.initialize("init-dev-db.sh", DEV_POSTGRES_DB="dashtam_test").returncode == 3
    assert databases(empty_cluster) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"TEST_POSTGRES_USER": "Robert'); --"},
        {"TEST_POSTGRES_USER": ""},
        {"TEST_POSTGRES_PASSWORD": ""},
        # PostgreSQL cuts names after 63 bytes, so that two long ones may become one.
        {"TEST_POSTGRES_USER": f"dashtam_{'u' * 43}"},
        {"TEST_POSTGRES_DB": f"dashtam_test_{'a' * 38}"},
    ],
)
def test_malformed_or_long_names_and_empty_passwords_are_told_and_change_nothing(
    empty_cluster: Cluster, changes: dict[str, str]
) -> None:
    answer = empty_cluster.initialize("init-test-db.sh", **changes)
    assert answer.returncode in {1, 2}
    assert answer.stderr
    assert databases(empty_cluster) == {}


def test_a_run_that_was_killed_half_way_is_finished_by_the_next(empty_cluster: Cluster) -> None:
    empty_cluster.ask("CREATE DATABASE dashtam_test_building TEMPLATE template0")
    initialize(empty_cluster)
    assert set(databases(empty_cluster)) == {"dashtam", "dashtam_test"}
    assert databases(empty_cluster)["dashtam_test"][0] == "dashtam_test_user"


def test_nothing_is_inherited_from_template1(empty_cluster: Cluster) -> None:
    empty_cluster.ask("CREATE TABLE pollution (id int)", database="template1")
    try:
        initialize(empty_cluster)
        assert empty_cluster.ask("SELECT to_regclass('pollution') IS NULL", database="dashtam_test") == "t"
    finally:
        empty_cluster.ask("DROP TABLE pollution", database="template1")


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
    before = databases(cluster)
    with cut_short(cluster, "dashtam_test"):
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
