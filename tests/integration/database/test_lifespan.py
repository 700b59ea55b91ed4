"""A process has one pool, and PostgreSQL knows it by name."""

import asyncio

import asyncpg
import pytest
from pydantic import SecretStr
from tortoise.transactions import in_transaction

from dashtam.database.errors import DatabaseNotReady
from dashtam.database.lifespan import connect, open_session
from dashtam.models import User
from dashtam.settings.model import TestSettings
from tests.support.makers.rows import make_user


async def test_sessions_are_named_after_environment_and_process(settings: TestSettings) -> None:
    async with open_session(settings, process="pytest") as session:
        assert await session.fetchval("SHOW application_name") == "dashtam.testing.pytest"


@pytest.mark.usefixtures("transaction")
async def test_an_inner_connection_shares_the_outer_one_in_every_task(settings: TestSettings) -> None:
    user = await make_user()

    async def elsewhere() -> bool:
        async with connect(settings, process="app"):
            return await User.exists(id=user.id)

    assert await asyncio.create_task(elsewhere())


@pytest.mark.usefixtures("database")
async def test_a_second_database_in_one_process_is_refused(settings: TestSettings) -> None:
    other = settings.model_copy(
        update={"DATABASE_URL": SecretStr("postgresql://dashtam_test_user:x@127.0.0.1:1/dashtam_test")}
    )
    with pytest.raises(DatabaseNotReady, match="this process is connected to"):
        async with connect(other, process="app"):
            pytest.fail("connected")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"database": "dashtam_test_absent"}, "does not exist|permission denied"),
    ],
)
async def test_a_database_that_does_not_answer_is_named(
    settings: TestSettings, change: dict[str, str], reason: str
) -> None:
    with pytest.raises(DatabaseNotReady, match=reason):
        async with open_session(settings, process="pytest", **change):
            pytest.fail("connected")


async def test_a_wrong_password_is_told_without_the_password(settings: TestSettings) -> None:
    url = settings.DATABASE_URL.get_secret_value()
    password = settings.database.password.get_secret_value()
    wrong = settings.model_copy(
        update={"DATABASE_URL": SecretStr(url.replace(f":{password}@", ":opensesame@"))}
    )
    with pytest.raises(DatabaseNotReady, match="password authentication failed") as refusal:
        async with open_session(wrong, process="pytest"):
            pytest.fail("connected")
    assert "opensesame" not in str(refusal.value)


@pytest.mark.usefixtures("database")
async def test_a_connection_that_is_lost_in_the_middle_is_told(settings: TestSettings) -> None:
    async def ask_in_vain() -> None:
        async with open_session(settings, process="pytest") as session:
            await killer.fetchval("SELECT pg_terminate_backend($1)", session.get_server_pid())
            await session.fetchval("SELECT pg_sleep(60)")

    async with open_session(settings, process="pytest") as killer:
        with pytest.raises(DatabaseNotReady, match=f"lost the connection to {settings.database.place}"):
            await ask_in_vain()


async def test_a_full_disk_is_told(settings: TestSettings) -> None:
    with pytest.raises(DatabaseNotReady, match=f"{settings.database.place}: no space left"):
        async with open_session(settings, process="pytest") as session:
            await session.execute(
                "DO $$ BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'no space left'; END $$"
            )


async def test_who_waits_for_a_lock_gives_up_and_tells_it(settings: TestSettings) -> None:
    async with open_session(settings, process="pytest") as holder:
        assert await holder.fetchval("SHOW lock_timeout") == "30s"
        with pytest.raises(DatabaseNotReady, match=r"somebody holds a lock in .*lock timeout"):
            await wait_behind(holder, settings)


async def wait_behind(holder: asyncpg.Connection, settings: TestSettings) -> None:
    async with holder.transaction(), connect(settings, process="pytest"), in_transaction() as waiting:
        await holder.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        await waiting.execute_script("SET LOCAL lock_timeout = '10ms'")
        await User.all().count()
