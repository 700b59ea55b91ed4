"""What the servers themselves refuse: with the credentials of tests nobody reaches what development keeps."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import pytest
from redis.exceptions import AuthenticationError, NoPermissionError

from dashtam.devenv.components import Mode
from tests.support.projects.checksum import assert_unchanged, take_checksum
from tests.support.projects.project import ThrowawayProject
from tests.support.servers.lookalike import Lookalike, standing_in
from tests.support.servers.redis_commands import enter, list_allowed, list_commands
from tests.support.servers.redis_data import open_data, read_data
from tests.support.servers.superuser import run_as_superuser

# Redis lets every connection try these, whatever its user.
ANYBODYS = {"auth", "hello", "quit", "reset"}
APPLICATION = {
    "select",
    "client|info",
    "client|setname",
    "client|setinfo",
    "multi",
    "exec",
    "incrby",
    "expire",
    "pttl",
    "get",
    "set",
    "del",
    "watch",
    "unwatch",
    "lpush",
    "ltrim",
    "lrange",
}
ALLOWED = {
    "health": {"ping"},
    "development": APPLICATION,
    "testing": APPLICATION | {"scan", "unlink"},
}

INSUFFICIENT_PRIVILEGE, NOT_SUPPORTED, NOT_NOW = "42501", "0A000", "55P02"
ATTEMPTS: Sequence[str] = """
DROP DATABASE dashtam
DROP DATABASE dashtam WITH (FORCE)
ALTER DATABASE dashtam RENAME TO dashtam_test_2
ALTER DATABASE dashtam OWNER TO dashtam_test_user
ALTER DATABASE dashtam IS_TEMPLATE false
ALTER DATABASE dashtam ALLOW_CONNECTIONS false
ALTER DATABASE dashtam CONNECTION LIMIT 0
ALTER DATABASE dashtam SET default_transaction_read_only = on
ALTER DATABASE dashtam RESET ALL
ALTER DATABASE dashtam SET TABLESPACE pg_default
ALTER DATABASE dashtam REFRESH COLLATION VERSION
COMMENT ON DATABASE dashtam IS 'dashtam purpose=testing cluster=1'
GRANT ALL ON DATABASE dashtam TO dashtam_test_user
REVOKE ALL ON DATABASE dashtam FROM dashtam_user
CREATE DATABASE dashtam_test_2
CREATE DATABASE dashtam_test_2 TEMPLATE dashtam
CREATE DATABASE dashtam_test_2 TEMPLATE dashtam STRATEGY file_copy
CREATE ROLE somebody
CREATE TABLESPACE elsewhere LOCATION '/tmp'
ALTER DATABASE dashtam_test OWNER TO dashtam_user
ALTER DATABASE dashtam_test RENAME TO dashtam_2
ALTER DATABASE postgres IS_TEMPLATE true
ALTER DATABASE template1 IS_TEMPLATE false
ALTER ROLE dashtam_user PASSWORD 'x'
ALTER ROLE dashtam_user NOLOGIN
ALTER ROLE dashtam_user CONNECTION LIMIT 0
ALTER ROLE dashtam_user SET search_path = elsewhere
ALTER ROLE dashtam_user RENAME TO somebody
ALTER ROLE dashtam_test_user CREATEDB
ALTER ROLE dashtam_test_user SUPERUSER
COMMENT ON ROLE dashtam_user IS 'x'
DROP ROLE dashtam_user
GRANT dashtam_user TO dashtam_test_user
GRANT pg_read_all_data TO dashtam_test_user
GRANT pg_signal_backend TO dashtam_test_user
SET ROLE dashtam_user
SET ROLE postgres
SET SESSION AUTHORIZATION dashtam_user
REASSIGN OWNED BY dashtam_user TO dashtam_test_user
DROP OWNED BY dashtam_user
COPY (SELECT 1) TO '/tmp/dashtam-test-copy'
COPY (SELECT 1) TO PROGRAM 'true'
COPY pg_description FROM PROGRAM 'true'
SELECT pg_read_file('PG_VERSION')
SELECT pg_read_binary_file('global/pg_control')
SELECT pg_ls_dir('base')
SELECT pg_stat_file('PG_VERSION')
SELECT pg_ls_waldir()
SELECT lo_import('/etc/passwd')
SELECT lo_export(1, '/tmp/dashtam-test-copy')
CREATE EXTENSION dblink
CREATE EXTENSION postgres_fdw
CREATE EXTENSION file_fdw
CREATE FOREIGN DATA WRAPPER elsewhere
CREATE FUNCTION pid() RETURNS int LANGUAGE c AS 'libc', 'getpid'
CREATE SUBSCRIPTION elsewhere CONNECTION 'dbname=dashtam' PUBLICATION x
CREATE EVENT TRIGGER always ON ddl_command_start EXECUTE FUNCTION version()
LOAD 'auto_explain'
SELECT pg_database_size('dashtam')
SELECT rolpassword FROM pg_authid
SELECT * FROM pg_hba_file_rules
UPDATE pg_database SET datistemplate = false
DELETE FROM pg_database WHERE datname = 'dashtam'
ALTER SYSTEM SET fsync = off
ALTER SYSTEM RESET ALL
SET session_replication_role = replica
SET allow_system_table_mods = on
SET log_statement = 'none'
SET zero_damaged_pages = on
SELECT pg_reload_conf()
SELECT pg_rotate_logfile()
SELECT pg_promote()
SELECT pg_switch_wal()
SELECT pg_backup_start('x')
SELECT pg_create_restore_point('x')
SELECT pg_create_physical_replication_slot('x')
SELECT pg_create_logical_replication_slot('x', 'pgoutput')
SELECT pg_stat_reset_shared('wal')
CHECKPOINT
""".strip().splitlines()
OTHERWISE = {
    "SELECT count(*) FROM dashtam.public.users": NOT_SUPPORTED,
    "SET fsync = off": NOT_NOW,
    "SET full_page_writes = off": NOT_NOW,
}
ON_SNAPSHOTS = """
DROP DATABASE dashtam_snapshot_old
DROP DATABASE dashtam_snapshot_old WITH (FORCE)
ALTER DATABASE dashtam_snapshot_old RENAME TO dashtam_test_2
ALTER DATABASE dashtam_snapshot_old ALLOW_CONNECTIONS true
ALTER DATABASE dashtam_snapshot_old OWNER TO dashtam_test_user
COMMENT ON DATABASE dashtam_snapshot_old IS NULL
CREATE DATABASE dashtam_test_2 TEMPLATE dashtam_snapshot_old
GRANT ALL ON DATABASE dashtam_snapshot_old TO dashtam_test_user
SELECT pg_database_size('dashtam_snapshot_old')
""".strip().splitlines()
# In a database of the server's own, not even what everybody may do in a fresh cluster.
ELSEWHERE = """
CREATE TABLE public.x (y int)
CREATE TEMPORARY TABLE x (y int)
CREATE SCHEMA x
CREATE FUNCTION public.x() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE EXTENSION citext
SELECT lo_create(0)
SELECT lo_creat(-1)
SELECT lo_from_bytea(0, 'x')
""".strip().splitlines()


@asynccontextmanager
async def connected(
    project: ThrowawayProject, mode: Mode, database: str
) -> AsyncIterator[asyncpg.Connection]:
    """A session of the role that owns a mode's database."""
    owner = project.configuration.owner(mode)
    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=project.configuration.postgres_port,
        user=owner.user,
        password=owner.password,
        database=database,
    )
    try:
        yield connection
    finally:
        await connection.close()


async def answers(connection: asyncpg.Connection, statements: Sequence[str]) -> dict[str, str]:
    """What the server said to each statement: its SQLSTATE, or that it was done."""
    seen = {}
    for sql in statements:
        try:
            await connection.execute(sql)
        except asyncpg.PostgresError as error:
            seen[sql] = str(error.sqlstate)
        else:
            seen[sql] = "done"
    return seen


async def test_as_the_test_role_no_statement_reaches_development(development: ThrowawayProject) -> None:
    before = take_checksum(development)
    async with connected(development, Mode.DEVELOPMENT, "dashtam") as theirs:
        pid = await theirs.fetchval("SELECT pg_backend_pid()")
        heard: list[object] = []
        await theirs.add_listener("elsewhere", lambda *what: heard.append(what))
        sessions = [f"SELECT pg_{verb}_backend({pid})" for verb in ("terminate", "cancel")]
        refused = dict.fromkeys([*ATTEMPTS, *sessions], INSUFFICIENT_PRIVILEGE) | OTHERWISE
        for database in ("dashtam_test", "postgres"):
            async with connected(development, Mode.TESTING, database) as ours:
                assert await answers(ours, list(refused)) == refused, database
                query = "SELECT query FROM pg_stat_activity WHERE pid = $1"
                assert await ours.fetchval(query, pid) == "<insufficient privilege>"
                await ours.execute("NOTIFY elsewhere")
        assert await theirs.fetchval("SELECT pg_backend_pid()") == pid
        assert heard == []
    assert_unchanged(development, before, "every attempt of the test role")


async def test_as_the_test_role_nothing_can_be_left_in_the_server_s_own_database(
    development: ThrowawayProject,
) -> None:
    async with connected(development, Mode.TESTING, "postgres") as ours:
        assert await answers(ours, ELSEWHERE) == dict.fromkeys(ELSEWHERE, INSUFFICIENT_PRIVILEGE)


@pytest.mark.parametrize(
    ("mode", "database"),
    [
        (Mode.TESTING, "dashtam"),
        (Mode.TESTING, "template1"),
        (Mode.DEVELOPMENT, "dashtam_test"),
        (Mode.DEVELOPMENT, "postgres"),
        (Mode.DEVELOPMENT, "template1"),
    ],
)
async def test_a_role_enters_no_database_but_its_own(
    development: ThrowawayProject, mode: Mode, database: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        async with connected(development, mode, database):
            pass


def test_the_superuser_is_refused_to_drop_development(development: ThrowawayProject) -> None:
    before = take_checksum(development)
    for sql in ("DROP DATABASE dashtam", "DROP DATABASE dashtam WITH (FORCE)"):
        assert "cannot drop a template database" in run_as_superuser(development, sql).stderr
    assert_unchanged(development, before, "DROP DATABASE")


def test_another_cluster_in_the_place_of_ours_is_refused_by_its_identity(
    development: ThrowawayProject,
) -> None:
    """Whatever its stamps say, nothing is written to it, nor to ours, which is back afterwards."""
    before = take_checksum(development)
    development.done("test.setup")
    with standing_in(development) as lookalike:
        asyncio.run(refuse_snapshots_to_tests(development))
        lookalike.forge_stamps()
        with left_alone(lookalike):
            for module in ("dashtam.disposable.init_test_db", "dashtam.disposable.drop_test_db", "pytest"):
                refuse(lookalike, in_app("python", "-m", module))
            for verb in ("test.unit", "test.clean", "test.setup"):
                refuse(lookalike, (verb,))
            lookalike.serve(Mode.DEVELOPMENT)
            restoring = ("db.restore", "old", "--replace", "dashtam")
            for words in (("db.migrate",), ("db.snapshot",), restoring, ("db.drop-snapshot", "old"), ("up",)):
                refuse(lookalike, words)
        lookalike.name_itself()
        with left_alone(lookalike):
            for words in (restoring, ("db.drop-snapshot", "old")):
                refuse(lookalike, words)
    development.done("up")
    assert_unchanged(development, before, "a look-alike in its place")


async def refuse_snapshots_to_tests(project: ThrowawayProject) -> None:
    async with connected(project, Mode.TESTING, "postgres") as ours:
        assert await answers(ours, ON_SNAPSHOTS) == dict.fromkeys(ON_SNAPSHOTS, INSUFFICIENT_PRIVILEGE)


def in_app(*command: str) -> Sequence[str]:
    return ("exec", "app", "--", *command)


@contextmanager
def left_alone(lookalike: Lookalike) -> Iterator[None]:
    contents = lookalike.contents()
    yield
    assert lookalike.contents() == contents


def refuse(lookalike: Lookalike, words: Sequence[str]) -> None:
    """The verb ends with 3 and says which cluster it saw."""
    answer = lookalike.project.invoke(*words)
    assert (answer.code, lookalike.identifier in answer.output) == (3, True), f"{words}: {answer}"


def test_the_users_of_redis_have_the_commands_that_they_need_and_no_other(
    development: ThrowawayProject,
) -> None:
    known = list_commands(development)
    assert {"flushall", "config|set", "debug", "keys", "shutdown", "eval", "acl|setuser"} <= set(known.words)
    for user in ("health", "development"):
        assert list_allowed(development, user) == ALLOWED[user] | ANYBODYS
    assert {"flushall", "flushdb", "swapdb", "keys", "config|set", "shutdown"} <= known.dangerous
    assert not known.dangerous & set().union(*ALLOWED.values())


@pytest.mark.parametrize("user", ["default", "testing"])
def test_redis_lets_nobody_in_but_the_user_of_the_mode(development: ThrowawayProject, user: str) -> None:
    with enter(development, user) as client, pytest.raises(AuthenticationError):
        client.ping()


def plant(project: ThrowawayProject) -> None:
    """A key of every type in the index of development, under names of its own and of others, some with an expiry."""
    with open_data(project) as client:
        for prefix in ("development:", "testing:", ""):
            client.set(f"{prefix}string", b"\0\xff canary", px=10**9)
            client.set(f"{prefix}number", 7)
            client.rpush(f"{prefix}list", "one", "two")
            client.sadd(f"{prefix}set", "one")
            client.zadd(f"{prefix}sorted", {"one": 1.5})
            client.hset(f"{prefix}hash", mapping={"one": "1", "two": "2"})
            client.hexpire(f"{prefix}hash", 10**6, "one")
            client.xadd(f"{prefix}stream", {"one": "1"}, id="1-1")
            client.xgroup_create(f"{prefix}stream", "readers", id="0")
            client.pfadd(f"{prefix}estimate", "one", "two")
            client.geoadd(f"{prefix}places", (13.4, 52.5, "one"))
            client.setbit(f"{prefix}bits", 77, 1)
            client.expire(f"{prefix}list", 10**6)


def test_the_index_of_development_survives_every_verb_of_the_tests(development: ThrowawayProject) -> None:
    development.done("down")
    plant(development)
    before = read_data(development, 0)
    assert len(before) >= 30  # an earlier test may have kept a letter
    for verb in ("test.setup", "test.unit", "test.clean", "up"):
        development.done(verb)
        # Who keeps connections alive writes that they do, from `up` on.
        after = {
            key: held for key, held in read_data(development, 0).items() if ":heartbeat:" not in str(key)
        }
        assert after == before, verb
        if verb == "test.setup":
            refuse_testing_to_reach(development)


def refuse_testing_to_reach(project: ThrowawayProject) -> None:
    """While tests run there is no user of development, and `testing` changes no key but its own, in any index."""
    for user in ("default", "development"):
        with enter(project, user) as client, pytest.raises(AuthenticationError):
            client.ping()
    assert list_allowed(project, "testing") == ALLOWED["testing"] | ANYBODYS
    for index in (0, 1):
        with enter(project, "testing", index) as client:
            for key in ("development:number", "number"):
                for words in (("INCRBY", key, 1), ("EXPIRE", key, 1), ("UNLINK", key)):
                    with pytest.raises(NoPermissionError, match="permissions to access a key"):
                        client.execute_command(*words)
