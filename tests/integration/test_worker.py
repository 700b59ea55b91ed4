"""The refresher as a process: it works, says how it is, waits where something is away, and ends when it is told to."""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tortoise.transactions import in_transaction

from dashtam.cache import Cache, heartbeat, open_cache
from dashtam.mail.mailbox import Mailbox
from dashtam.models import ProviderConnection
from dashtam.settings.model import TestSettings
from tests.support.banks.token_server import serving_tokens
from tests.support.people.connected import Connected, a_person, connect_bank
from tests.support.servers.refresher import refreshing, until

pytestmark = pytest.mark.usefixtures("database")
HEARTBEAT = heartbeat("refresher")


@pytest.fixture
async def cache(settings: TestSettings) -> AsyncIterator[Cache]:
    async with open_cache(settings.cache, environment="testing", process="pytest") as cache:
        await cache.drop([HEARTBEAT])
        yield cache
        await cache.drop([HEARTBEAT])


@pytest.fixture
async def connected(settings: TestSettings, tmp_path: Path) -> AsyncIterator[Connected]:
    async with a_person() as (user, provider):
        with serving_tokens(tmp_path) as bank:
            yield await connect_bank(bank, settings, user=user, provider=provider)


def beats(cache: Cache, text: str = "ready") -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return text in (await cache.recall(HEARTBEAT) or "")

    return ask


async def test_it_sees_to_what_is_due_says_that_it_is_ready_and_ends_when_it_is_told_to(
    connected: Connected, settings: TestSettings, cache: Cache, tmp_path: Path
) -> None:
    await connected.age(refresh_expires_at=datetime.now(UTC) - timedelta(minutes=1))
    user = await connected.connection.user

    begun = datetime.now(UTC).replace(microsecond=0)

    async def is_told() -> bool:
        letters = await Mailbox(cache, sender="x@localhost").list_emails()
        return any(letter.to == user.email and letter.sent_at >= begun for letter in letters)

    async with refreshing(tmp_path, settings) as process:
        await until(beats(cache), "a heartbeat")
        await until(is_told, "a letter")
        assert await connected.standing() == ("expired", "refresh_expired")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert await cache.recall(HEARTBEAT) is None
    log = (tmp_path / "refresher.log").read_text()
    assert "stopped" in log
    assert "Traceback" not in log


async def test_a_look_that_is_under_way_when_it_is_told_to_end_is_waited_for(
    settings: TestSettings, cache: Cache, tmp_path: Path
) -> None:
    log = tmp_path / "refresher.log"

    async def is_stopping() -> bool:
        return '"stopping"' in log.read_text()

    async with refreshing(tmp_path, settings) as process:
        await until(beats(cache), "a heartbeat")
        async with in_transaction() as held:

            async def looks() -> bool:
                waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'aerich'::regclass"
                return bool((await held.execute_query(waiting))[0])

            await held.execute_query("LOCK TABLE aerich IN ACCESS EXCLUSIVE MODE")
            await until(looks, "a look that waits")
            process.send_signal(signal.SIGTERM)
            await until(is_stopping, "the beginning of the end")
        assert await process.wait() == 0
    assert await cache.recall(HEARTBEAT) is None
    assert "Traceback" not in log.read_text()


async def test_without_postgres_it_waits_and_says_so(
    settings: TestSettings, cache: Cache, tmp_path: Path
) -> None:
    elsewhere = settings.DATABASE_URL.get_secret_value().replace(f":{settings.database.port}/", ":1/")
    async with refreshing(tmp_path, settings, DATABASE_URL=elsewhere) as process:
        await until(beats(cache, "postgres"), "a heartbeat that names postgres")
        assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_without_redis_it_does_nothing_and_goes_on(
    connected: Connected, settings: TestSettings, tmp_path: Path
) -> None:
    await connected.age(refresh_expires_at=datetime.now(UTC) - timedelta(minutes=1))
    elsewhere = settings.REDIS_URL.get_secret_value().replace(f":{settings.cache.port}/", ":1/")
    log = tmp_path / "refresher.log"

    async def is_told_twice() -> bool:
        return log.read_text().count("no heartbeat") >= 2

    async with refreshing(tmp_path, settings, REDIS_URL=elsewhere) as process:
        await until(is_told_twice, "a second beat")
        assert process.returncode is None
    assert (await ProviderConnection.get(id=connected.id)).status.value == "active"


async def test_settings_that_are_refused_end_it_with_a_word(settings: TestSettings, tmp_path: Path) -> None:
    async with refreshing(tmp_path, settings, DATABASE_URL="nonsense") as process:
        assert await process.wait() == 3
    assert "DATABASE_URL" in (tmp_path / "refresher.log").read_text()
