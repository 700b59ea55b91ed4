"""Every guard of the test database, on the server itself."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from pydantic import SecretStr

from dashtam.database.errors import DatabaseNotReady
from dashtam.database.lifespan import open_session
from dashtam.disposable import verification
from dashtam.disposable.decision import Observation, development_name, reasons_to_refuse
from dashtam.disposable.errors import UnsafeDatabase
from dashtam.disposable.verification import VerifiedTestDatabase, observe, open_verified
from dashtam.errors import DashtamError
from dashtam.models import __models__
from dashtam.settings.model import TestSettings


@pytest.fixture
async def session(settings: TestSettings) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test role, whose changes are rolled back."""
    async with open_session(settings, process="pytest") as connection:
        change = connection.transaction()
        await change.start()
        yield connection
        await change.rollback()


async def reasons(session: asyncpg.Connection, settings: TestSettings) -> str:
    return "\n".join(reasons_to_refuse(settings, await observe(session, settings)))


async def test_the_database_that_the_tests_run_on_is_disposable(
    session: asyncpg.Connection, settings: TestSettings
) -> None:
    assert await reasons(session, settings) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("COMMENT ON DATABASE {name} IS NULL", "the stamp of {name} is None"),
        ("COMMENT ON DATABASE {name} IS 'dashtam purpose=testing cluster=1'", "the stamp of {name} is"),
        ("COMMENT ON DATABASE {name} IS 'test'", "the stamp of {name} is 'test'"),
        ("ALTER DATABASE {name} IS_TEMPLATE true", "is a template"),
        ("CREATE SCHEMA prod; SET search_path = prod, public", "names are looked up in prod, public"),
        ("SET search_path = pg_catalog", "names are looked up in pg_catalog"),
        (
            "SET client_min_messages = error; CREATE PUBLICATION leak FOR TABLE users",
            "through publication leak",
        ),
    ],
)
async def test_a_database_with_something_wrong_is_refused(
    session: asyncpg.Connection, settings: TestSettings, change: str, reason: str
) -> None:
    name = settings.database.name
    await session.execute(change.format(name=name))
    assert reason.format(name=name) in await reasons(session, settings)


async def test_the_tables_of_the_schema_are_seen_and_nothing_else(
    session: asyncpg.Connection, settings: TestSettings
) -> None:
    await session.execute(
        "CREATE TEMP TABLE passing (id int); CREATE VIEW shown AS SELECT 1; CREATE SEQUENCE counted"
    )
    expected = sorted(["aerich", *(model._meta.db_table for model in __models__)])
    assert sorted((await observe(session, settings)).tables) == expected


async def test_a_forged_session_variable_is_no_stamp(
    session: asyncpg.Connection, settings: TestSettings
) -> None:
    await session.execute(
        f"COMMENT ON DATABASE {settings.database.name} IS NULL; SET dashtam.purpose = 'testing'"
    )
    assert "the stamp of" in await reasons(session, settings)


async def test_another_cluster_with_the_same_names_is_refused(settings: TestSettings) -> None:
    elsewhere = settings.model_copy(update={"CLUSTER_IDENTIFIER": "1"})
    with pytest.raises(UnsafeDatabase, match="this is the PostgreSQL cluster") as refusal:
        async with open_verified(elsewhere, process="pytest", exclusive=False):
            pytest.fail("verified")
    assert len(refusal.value.refusals) == 2  # the stamp names the cluster too


async def test_a_strangers_session_is_named_and_refused(settings: TestSettings) -> None:
    async with open_session(settings, process="app") as stranger:
        pid = await stranger.fetchval("SELECT pg_backend_pid()")
        with pytest.raises(UnsafeDatabase, match=rf"others are connected: pid {pid}, dashtam\.testing\.app"):
            async with open_verified(settings, process="pytest", exclusive=False):
                pytest.fail("verified")


async def test_a_session_that_is_about_to_end_is_waited_for(
    settings: TestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_session(settings, process="app") as leaving:

        async def observe_it_leave(connection: asyncpg.Connection, wanted: TestSettings) -> Observation:
            seen = await observe(connection, wanted)
            await leaving.close()
            return seen

        monkeypatch.setattr(verification, "observe", observe_it_leave)
        async with open_verified(settings, process="pytest", exclusive=False) as verified:
            assert verified.seen.foreign_sessions == ()


async def test_nobody_is_waited_for_where_nobody_is(
    settings: TestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", pause)
    async with open_verified(settings, process="pytest", exclusive=False):
        assert pauses == []


@pytest.mark.parametrize("process", ["init_test_db", "drop_test_db", "pytest"])
async def test_a_session_of_ours_that_takes_the_lock_is_no_stranger(
    settings: TestSettings, process: str
) -> None:
    async with open_session(settings, process=process), open_session(settings, process="pytest") as session:
        assert (await observe(session, settings)).foreign_sessions == ()


async def test_a_run_of_the_tests_keeps_a_reset_out(
    database: VerifiedTestDatabase, settings: TestSettings
) -> None:
    assert not database.connection.is_closed()
    with pytest.raises(UnsafeDatabase, match="another run holds the test database"):
        async with open_verified(settings, process="init_test_db", exclusive=True):
            pytest.fail("locked")


async def test_two_runs_of_the_tests_may_share_the_database(
    database: VerifiedTestDatabase, settings: TestSettings
) -> None:
    async with open_verified(settings, process="pytest", exclusive=False) as second:
        assert second.seen.database == database.seen.database


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE DATABASE dashtam_test_mine",
        "CREATE ROLE somebody",
        "ALTER SYSTEM SET fsync = off",
        "ALTER ROLE CURRENT_USER CREATEDB",
        "SET session_replication_role = replica",
        "DROP DATABASE {development}",
        "ALTER DATABASE {development} IS_TEMPLATE false",
        "COMMENT ON DATABASE {development} IS 'dashtam purpose=testing'",
        "SET fsync = off",
    ],
)
async def test_the_test_role_may_not(settings: TestSettings, statement: str) -> None:
    async with open_session(settings, process="pytest") as session:
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CantChangeRuntimeParamError)):
            await session.execute(statement.format(development=development_name(settings)))


async def test_the_test_role_cannot_even_connect_to_development(settings: TestSettings) -> None:
    with pytest.raises(DatabaseNotReady, match="permission denied for database"):
        async with open_session(settings, process="pytest", database=development_name(settings)):
            pytest.fail("connected")


async def test_a_database_by_another_name_is_refused_whoever_answers(settings: TestSettings) -> None:
    """A pooler may hand out another database than the one that was asked for."""
    url = settings.DATABASE_URL.get_secret_value()
    aliased = settings.model_copy(
        update={"DATABASE_URL": SecretStr(url.replace("/dashtam_test", "/dashtam_test_x"))}
    )
    async with open_session(settings, process="pytest") as session:
        found = reasons_to_refuse(aliased, await observe(session, aliased))
    assert any("Is a pooler between?" in reason for reason in found)


async def test_a_refusal_is_one_of_our_errors(settings: TestSettings) -> None:
    with pytest.raises(DashtamError):
        async with open_verified(
            settings.model_copy(update={"TESTING": False}), process="pytest", exclusive=False
        ):
            pytest.fail("verified")
