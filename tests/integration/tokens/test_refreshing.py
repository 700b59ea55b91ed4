"""Many processes need one token: table 1.5 of the reference, on real servers, counted at the provider's side."""

import asyncio
import signal
import threading
from asyncio.subprocess import Process
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from tortoise import connections

from dashtam.cache import Cache, open_cache, refresh_lock
from dashtam.database.lifespan import open_session
from dashtam.errors import CacheNotReady
from dashtam.models import AuditEntry, ProviderConnection, ProviderToken
from dashtam.providers.errors import NotConnected, ProviderNotReady
from dashtam.settings.model import TestSettings
from dashtam.tokens.attempt import Limits
from dashtam.tokens.refreshing import Patience, Refreshes
from dashtam.tokens.store import find_stored
from tests.support.banks.token_adapter import PROFILE, TokenAdapter
from tests.support.banks.token_caller import build_refreshes
from tests.support.banks.token_server import TokenServer
from tests.support.people.connected import Connected, say_go

pytestmark = pytest.mark.usefixtures("database")


# Ends the session of the process that waits for a lock.
CUT_OFF = """
SELECT bool_or(pg_terminate_backend(pid)) AS is_done FROM pg_stat_activity
WHERE application_name = 'dashtam.testing.token_caller' AND wait_event_type = 'Lock'
"""


async def until_cut_off() -> None:
    async with asyncio.timeout(20):
        while True:
            rows = await connections.get("default").execute_query_dict(CUT_OFF)
            if rows[0]["is_done"]:
                return
            await asyncio.sleep(0.02)


async def actions(connected: Connected) -> list[str]:
    entries = await AuditEntry.filter(connection_id=connected.id).order_by("sequence")
    return [f"{entry.action} {entry.outcome}" for entry in entries[1:]]


async def until_asked(bank: TokenServer) -> None:
    assert await asyncio.to_thread(bank.arrived.acquire, timeout=30), "nobody asked the bank"


async def start_asking(connected: Connected, bank: TokenServer, *, turn_seconds: float) -> Process:
    """A process whose question has reached the bank, and that nobody waits for."""
    process = await connected.start(turn_seconds=turn_seconds)
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    await until_asked(bank)
    return process


async def test_many_processes_with_an_expired_token_make_one_request_and_all_get_the_new_one(
    connected: Connected, bank: TokenServer
) -> None:
    await connected.age()
    bank.delay = 0.3
    processes = [await connected.start(tasks=10) for _ in range(3)]
    answers = await say_go(*processes)
    assert bank.asked["/token"] == 1
    new = (await connected.grant()).access_token.get_secret_value()
    assert answers == [[new] * 10] * 3
    assert await actions(connected) == ["token.refreshed succeeded"]


async def test_a_holder_that_dies_in_the_middle_leaves_the_lock_to_the_next_one(
    connected: Connected, bank: TokenServer
) -> None:
    await connected.age()
    bank.holds, bank.grace = threading.Event(), 60
    dying = await start_asking(connected, bank, turn_seconds=2)
    dying.send_signal(signal.SIGKILL)
    await dying.wait()
    bank.holds.set()
    ((token,),) = await say_go(await connected.start(turn_seconds=2, grace_seconds=60))
    assert token == (await connected.grant()).access_token.get_secret_value()
    assert bank.asked["/token"] == 2, "killed between response and commit: the old token is sent once more"
    assert await connected.standing() == ("active", None)


async def test_what_somebody_stored_before_the_holder_died_is_not_asked_for_again(
    connected: Connected, bank: TokenServer, cache: Cache, refreshes: Refreshes
) -> None:
    await connected.age()
    await refreshes.get_valid(connected.id)
    assert (
        await cache.set_if_absent(refresh_lock(connected.id), "dead", ttl=timedelta(milliseconds=300)) is None
    )
    await connected.age(expires_at=datetime.now(UTC) - timedelta(minutes=1))
    waiting = asyncio.create_task(refreshes.get_valid(connected.id))
    await ProviderToken.filter(connection_id=connected.id).update(
        expires_at=datetime.now(UTC) + timedelta(minutes=30), granted_at=datetime.now(UTC)
    )
    assert (await waiting).version == 2
    assert bank.asked["/token"] == 1


async def test_whoever_read_the_row_before_another_refreshed_it_does_not_refresh_it_again(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    stale = await find_stored(connected.id)
    await refreshes.get_valid(connected.id)
    assert (await refreshes.refresh_leased(stale)).version == 2
    assert bank.asked["/token"] == 1


async def test_a_slow_holder_neither_frees_another_lock_nor_overwrites_what_the_other_stored(
    connected: Connected, bank: TokenServer, cache: Cache
) -> None:
    await connected.age()
    bank.holds, bank.grace = threading.Event(), 60
    slow = await start_asking(connected, bank, turn_seconds=0.3)
    held, bank.holds = bank.holds, None
    ((stored,),) = await say_go(await connected.start(turn_seconds=30))
    key = refresh_lock(connected.id)
    assert await cache.set_if_absent(key, "another", ttl=timedelta(seconds=30)) is None, (
        "the second one gave its lock back"
    )
    held.set()
    answer, _ = await slow.communicate()
    assert answer.decode().split() == [stored], "the slow one answers what is stored"
    assert (await connected.row()).version == 2
    assert await cache.recall(key) == "another"
    assert await actions(connected) == ["token.refreshed succeeded", "token.discarded succeeded"]
    assert bank.revoked == [], "revoking the late pair would end the stored one"


async def test_a_lost_answer_is_asked_for_once_more_inside_the_grace(
    connected: Connected, bank: TokenServer, refreshes: Refreshes, adapter: TokenAdapter
) -> None:
    await connected.age()
    adapter.profile = replace(PROFILE, grace=timedelta(seconds=30))
    bank.grace, bank.drops = 30, 1
    token = await refreshes.get_valid(connected.id)
    assert token.access_token == (await connected.grant()).access_token
    assert bank.asked["/token"] == 2


async def test_a_lost_answer_without_grace_ends_in_a_connection_that_says_so(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.drops = 1
    with pytest.raises(ProviderNotReady):
        await refreshes.get_valid(connected.id)
    assert bank.asked["/token"] == 1, "no second try where the provider gives no grace"
    assert await connected.standing() == ("failed", "provider_failing")
    with pytest.raises(NotConnected):
        await refreshes.refresh_leased(await find_stored(connected.id))
    assert await connected.standing() == ("expired", "grant_refused")
    assert bank.asked["/token"] == 2


async def test_a_refused_grant_that_is_not_the_stored_one_any_more_is_no_dead_grant(
    connected: Connected, bank: TokenServer, refreshes: Refreshes, settings: TestSettings
) -> None:
    await connected.age()
    old = await connected.row()
    await refreshes.get_valid(connected.id)
    new = await connected.row()
    columns = ("access_token_sealed", "refresh_token_sealed", "version", "expires_at", "granted_at")
    await ProviderToken.filter(id=old.id).update(**{name: getattr(old, name) for name in columns})
    bank.holds = threading.Event()
    refused = asyncio.create_task(refreshes.get_valid(connected.id))
    await until_asked(bank)
    await until_asked(bank)
    await ProviderToken.filter(id=old.id).update(**{name: getattr(new, name) for name in columns})
    bank.holds.set()
    assert (await refused).version == new.version
    assert await connected.standing() == ("active", None)


async def test_a_refused_grant_expires_the_connection_and_is_not_tried_again(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.responses = [(400, b'{"error": "invalid_grant"}', {})]
    for _ in range(3):
        with pytest.raises(NotConnected) as refused:
            await refreshes.get_valid(connected.id)
        assert refused.value.detail == "grant_refused"
    assert bank.asked["/token"] == 1
    assert await connected.standing() == ("expired", "grant_refused")
    assert await actions(connected) == ["connection.expired succeeded"]


async def test_whoever_asks_may_go_away_and_the_new_pair_is_stored_all_the_same(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.holds = threading.Event()
    asking = asyncio.create_task(refreshes.get_valid(connected.id))
    await until_asked(bank)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    bank.holds.set()
    await refreshes.finish()
    assert (await connected.row()).version == 2


async def test_a_user_who_disconnects_meanwhile_has_the_new_grant_revoked_and_not_stored(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.holds = threading.Event()
    asking = asyncio.create_task(refreshes.get_valid(connected.id))
    await until_asked(bank)
    await ProviderConnection.filter(id=connected.id).update(status="revoked", reason="disconnected")
    await ProviderToken.filter(connection_id=connected.id).delete()
    bank.holds.set()
    with pytest.raises(NotConnected):
        await asking
    assert not await ProviderToken.filter(connection_id=connected.id).exists()
    (family,) = {id(family): family for family in bank.families.values()}.values()
    assert bank.revoked[0] == family.refresh_token
    assert len(bank.revoked) == 2, "the access token after it"
    assert not family.is_alive
    assert (await actions(connected))[0] == "token.discarded succeeded"
    assert set((await actions(connected))[1:]) == {"token.revoked succeeded"}
    assert await connected.standing() == ("revoked", "disconnected")


async def test_a_user_who_leaves_meanwhile_has_the_new_grant_revoked(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.holds = threading.Event()
    asking = asyncio.create_task(refreshes.get_valid(connected.id))
    await until_asked(bank)
    await ProviderConnection.filter(id=connected.id).delete()
    bank.holds.set()
    with pytest.raises(NotConnected):
        await asking
    (family,) = {id(family): family for family in bank.families.values()}.values()
    assert bank.revoked[0] == family.refresh_token


async def test_a_row_that_was_only_stored_anew_meanwhile_still_takes_the_new_grant(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.holds = threading.Event()
    asking = asyncio.create_task(refreshes.get_valid(connected.id))
    await until_asked(bank)
    await connected.store_again()
    bank.holds.set()
    assert (await asking).version == 3
    assert bank.revoked == []


async def test_a_pair_whose_store_is_cut_off_is_stored_when_the_database_is_back(
    connected: Connected, bank: TokenServer, settings: TestSettings
) -> None:
    await connected.age()
    async with open_session(settings, process="pytest") as session:
        locking = session.transaction()
        await locking.start()
        await session.execute("SELECT 1 FROM provider_connections WHERE id = $1 FOR UPDATE", connected.id)
        storing = asyncio.create_task(say_go(await connected.start()))
        await until_cut_off()
        await locking.rollback()
        ((token,),) = await storing
    assert token == (await connected.grant()).access_token.get_secret_value()
    assert bank.asked["/token"] == 1


async def test_nothing_of_the_replaced_pair_is_left_in_any_table(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    old, clear = await connected.row(), await connected.grant()
    assert old.refresh_token_sealed is not None
    assert clear.refresh_token is not None
    sealed = [bytes(value).hex() for value in (old.access_token_sealed, old.refresh_token_sealed)]
    assert all([await in_any_table(value) for value in sealed])
    await connected.age()
    await refreshes.get_valid(connected.id)
    for value in (*sealed, clear.access_token.get_secret_value(), clear.refresh_token.get_secret_value()):
        assert not await in_any_table(value)


async def in_any_table(text: str) -> bool:
    """Whether a row of a table says it."""
    database = connections.get("default")
    tables = await database.execute_query_dict("SELECT relname FROM pg_stat_user_tables")
    return any(
        [
            await database.execute_query_dict(
                f'SELECT 1 FROM "{table["relname"]}" t WHERE position($1 IN t::text) > 0 LIMIT 1', [text]
            )
            for table in tables
        ]
    )


async def test_a_rejected_token_is_refreshed_once_and_losers_get_the_stored_one(
    connected: Connected, bank: TokenServer
) -> None:
    rejected = (await connected.grant()).access_token.get_secret_value()
    bank.delay = 0.2
    processes = [await connected.start(tasks=5, rejected=rejected) for _ in range(2)]
    answers = await say_go(*processes)
    new = (await connected.grant()).access_token.get_secret_value()
    assert new != rejected
    assert answers == [[new] * 5] * 2
    assert bank.asked["/token"] == 1


async def test_a_rejected_token_that_is_not_the_stored_one_asks_nobody(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    token = await refreshes.get_valid(connected.id, rejected=SecretStr("an older one"))
    assert token.access_token == (await connected.grant()).access_token
    assert bank.asked["/token"] == 0


async def test_without_redis_nothing_is_refreshed_and_a_token_that_holds_is_still_answered(
    connected: Connected, bank: TokenServer, settings: TestSettings, adapter: TokenAdapter
) -> None:
    address = settings.cache._replace(port=1) if hasattr(settings.cache, "_replace") else None
    address = address or replace(settings.cache, port=1)
    async with open_cache(address, environment="testing", process="pytest") as away:
        lonely = build_refreshes(away, settings, adapter)
        assert (await lonely.get_valid(connected.id)).version == 1
        await connected.age(expires_at=datetime.now(UTC) + timedelta(seconds=60))
        assert (await lonely.get_valid(connected.id)).version == 1, "due, and not at its end"
        await connected.age()
        with pytest.raises(CacheNotReady):
            await lonely.get_valid(connected.id)
    assert bank.asked["/token"] == 0


async def test_whoever_waits_too_long_is_told_so(
    connected: Connected, settings: TestSettings, cache: Cache, adapter: TokenAdapter
) -> None:
    await connected.age()
    assert (
        await cache.set_if_absent(refresh_lock(connected.id), "somebody", ttl=timedelta(seconds=30)) is None
    )
    patience = Patience(wait=timedelta(milliseconds=200))
    impatient = build_refreshes(cache, settings, adapter, patience=patience)
    with pytest.raises(ProviderNotReady) as refused:
        await impatient.get_valid(connected.id)
    assert refused.value.detail == "refresh_takes_long"
    assert refused.value.headers["Retry-After"] == "5"


async def test_a_provider_that_says_nothing_is_left_after_a_time(
    connected: Connected, bank: TokenServer, settings: TestSettings, cache: Cache, adapter: TokenAdapter
) -> None:
    await connected.age()
    bank.holds = threading.Event()
    hasty = build_refreshes(cache, settings, adapter, limits=Limits(call=timedelta(milliseconds=300)))
    began = datetime.now(UTC)
    with pytest.raises(ProviderNotReady) as refused:
        await hasty.get_valid(connected.id)
    bank.holds.set()
    assert datetime.now(UTC) - began < timedelta(seconds=4), "sooner than the adapter's own patience ends"
    assert refused.value.detail == "answer_lost"
    assert (await connected.row()).refresh_failure == "answer_lost"


def test_no_secret_shows_in_what_is_handed_around() -> None:
    values: dict[str, Any] = {
        "access_token": SecretStr("canary"),
        "expires_at": None,
        "scope": "",
        "version": 1,
    }
    from dashtam.tokens.attempt import ValidToken

    assert "canary" not in repr(ValidToken(**values))
