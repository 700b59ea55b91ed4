"""The checksum of development notices every kind of change, and none that PostgreSQL or a test environment makes."""

import csv
import io
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from dashtam.devenv.engines.embedded.account import Account
from dashtam.devenv.engines.embedded.binaries import Binaries
from tests.support.projects.checksum import assert_unchanged, settle, take_checksum
from tests.support.servers.clusters import Cluster, start_cluster
from tests.support.servers.servers import prepare

DEVELOPMENT: Final = "dashtam"
# What is done to development, and the words that its difference must hold.
CHANGES: Final = {
    "UPDATE users SET email = 'other@example.com'": "- rows of users: (",
    "DELETE FROM users": "- rows of users: (",
    "CREATE SCHEMA side; CREATE TABLE side.things (thing text DEFAULT 'a')": "+ rows of side.things",
    "INSERT INTO side.things VALUES ('e'), ('e')": "+ rows of side.things: (e)",
    "DELETE FROM side.things WHERE ctid = (SELECT min(ctid) FROM side.things)": "- rows of side.things: (e)",
    "CREATE SEQUENCE side.numbers": "+ sequences: side.numbers: 1 f",
    "SELECT nextval('side.numbers')": "+ sequences: side.numbers: 1 t",
    "SELECT setval('side.numbers', 41)": "+ sequences: side.numbers: 41 t",
    "ALTER SEQUENCE side.numbers CYCLE": "pg_sequence: sequence side.numbers",
    "SELECT lo_from_bytea(4711, 'kept')": "+ large objects: 4711 page 0",
    "SELECT lo_put(4711, 0, 'lost')": "- large objects: 4711 page 0",
    "ALTER TABLE side.things ADD CONSTRAINT short CHECK (thing < 'z')": "constraint short on table side.things",
    "CREATE UNIQUE INDEX firm ON side.things (thing)": "+ pg_index: index side.firm",
    "ALTER TABLE side.things ALTER thing SET DEFAULT 'b'": "default value for column thing of table side.things",
    "ALTER TABLE side.things OWNER TO dashtam_user": "pg_class: table side.things",
    "GRANT SELECT ON side.things TO dashtam_test_user": "pg_class: table side.things",
    "GRANT UPDATE (thing) ON side.things TO dashtam_test_user": "column thing of table side.things",
    "GRANT USAGE ON SCHEMA public TO dashtam_test_user": "pg_namespace: schema public",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA side GRANT SELECT ON TABLES TO PUBLIC": "+ pg_default_acl: ",
    "CREATE FUNCTION side.one() RETURNS int LANGUAGE sql RETURN 1": "+ pg_proc: function side.one()",
    "CREATE OR REPLACE FUNCTION side.one() RETURNS int LANGUAGE sql RETURN 2": "- pg_proc: function side.one()",
    "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO PUBLIC": "pg_proc: what initdb made",
    "CREATE TRIGGER same BEFORE UPDATE ON users FOR EACH ROW "
    "EXECUTE FUNCTION suppress_redundant_updates_trigger()": "+ pg_trigger: trigger same on table users",
    "ALTER TABLE users DISABLE TRIGGER same": "- pg_trigger: trigger same on table users",
    "COMMENT ON TABLE side.things IS 'mine'": "+ pg_description: table side.things",
    "COMMENT ON SCHEMA public IS 'ours'": "pg_description: schema public",
    "COMMENT ON DATABASE dashtam IS 'somebody else''s'": "- shared comments: dashtam: dashtam purpose=development",
    "UPDATE pg_extension SET extversion = '0'": "- pg_extension: what initdb made",
    "ALTER EXTENSION plpgsql ADD FUNCTION side.one()": "+ pg_depend: function side.one()",
    "ALTER DATABASE dashtam IS_TEMPLATE false": "- databases: dashtam: ",
    "ALTER DATABASE dashtam CONNECTION LIMIT 7": "- databases: dashtam: ",
    "ALTER DATABASE dashtam SET synchronous_commit TO off": "+ settings: dashtam of : synchronous_commit=off",
    "ALTER ROLE dashtam_user IN DATABASE dashtam SET work_mem TO '8MB'": "+ settings: dashtam of dashtam_user: w",
    "ALTER DATABASE dashtam OWNER TO postgres": "- databases: dashtam: ",
    "GRANT CONNECT ON DATABASE dashtam TO dashtam_test_user": "- databases: dashtam: ",
    "ALTER ROLE dashtam_test_user CREATEDB": "- roles: dashtam_test_user: ",
    "ALTER ROLE dashtam_test_user PASSWORD NULL": "- roles: dashtam_test_user: ",
    "ALTER ROLE dashtam_user SET search_path TO side": "+ settings:  of dashtam_user: search_path=side",
    "GRANT dashtam_user TO dashtam_test_user": "+ memberships: dashtam_user: dashtam_test_user by postgres",
    "CREATE ROLE stranger": "+ roles: stranger: ",
    "COMMENT ON ROLE stranger IS 'nobody'": "+ shared comments: role stranger: nobody",
    "GRANT SET ON PARAMETER session_replication_role TO stranger": "+ grants on parameters: session_replication_role",
    "CREATE DATABASE strange": "+ databases: strange: ",
}
# What PostgreSQL or another verb does, and no data of development knows of.
NO_CHANGES: Final = (
    "UPDATE pg_description SET description = description WHERE objoid = 2200",
    "ANALYZE users; VACUUM FULL users; CREATE TEMPORARY TABLE brief (id int)",
    "ALTER ROLE dashtam_user PASSWORD 'development_password'",
    "BEGIN; DELETE FROM users; ROLLBACK",
    "CREATE DATABASE dashtam_snapshot_kept TEMPLATE template0",
    "COMMENT ON DATABASE dashtam_snapshot_kept IS 'dashtam purpose=snapshot'",
    "ALTER DATABASE dashtam_test SET synchronous_commit TO off",
    "DROP DATABASE dashtam_test",
    "CREATE DATABASE dashtam_test_building",
)


@dataclass(frozen=True)
class Asked:
    """A cluster that is asked as the engines ask theirs."""

    cluster: Cluster

    def ask(self, sql: str, *, database: str = DEVELOPMENT) -> list[list[str]]:
        answer = subprocess.run(
            [
                str(self.cluster.binaries.postgres_bin / "psql"),
                "-X",
                "--csv",
                "-t",
                "-d",
                database,
                "-c",
                sql,
            ],
            env={**self.cluster.psql_environment(), "PGOPTIONS": "-c default_transaction_read_only=on"},
            capture_output=True,
            text=True,
        )
        assert answer.returncode == 0, answer.stderr
        return list(csv.reader(io.StringIO(answer.stdout, newline="")))


@pytest.fixture(scope="module")
def server(programs: tuple[Binaries, Account | None]) -> Iterator[Cluster]:
    """One of this file's own: what is changed of roles and of initdb's outlives a new copy of the databases."""
    with start_cluster(*programs) as cluster:
        prepare(cluster, keep=True)
        yield cluster


def test_every_kind_of_change_is_noticed_and_told(cluster: Cluster) -> None:
    project = Asked(cluster)
    before = take_checksum(project)
    for change, words in CHANGES.items():
        cluster.ask(change, database=DEVELOPMENT)
        after = take_checksum(project)
        assert after != before, change
        told = before.differences(after)
        assert any(words in line for line in told), (change, told)
        before = after


def test_what_is_no_change_of_development_is_not_taken_for_one(cluster: Cluster) -> None:
    project = Asked(cluster)
    before = take_checksum(project)
    for act in NO_CHANGES:
        cluster.ask(act, database=DEVELOPMENT)
        assert_unchanged(project, before, act)
        assert take_checksum(project) == before, act


def test_a_difference_is_told_line_by_line(cluster: Cluster) -> None:
    project = Asked(cluster)
    before = take_checksum(project)
    settle(project)
    cluster.ask("DELETE FROM users", database=DEVELOPMENT)
    with pytest.raises(
        AssertionError, match=r"(?s)not what it was after a deletion:\n- rows of users: \(.*canary@"
    ):
        assert_unchanged(project, before, "a deletion")
