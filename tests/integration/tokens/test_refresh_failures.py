"""What becomes of a connection whose provider fails: tokens kept, pauses, circuits, and an honest status."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dashtam.cache import Cache
from dashtam.errors import NotFound
from dashtam.models import AuditEntry
from dashtam.providers.errors import (
    ClientRefused,
    NotConnected,
    ProviderFailure,
    ProviderNotReady,
    ResponseUnusable,
)
from dashtam.sealing.errors import SealError
from dashtam.settings.model import TestSettings
from dashtam.tokens.circuits import THRESHOLD, Circuits
from dashtam.tokens.expiry import UNUSABLE_LIMIT
from dashtam.tokens.refreshing import Refreshes
from dashtam.tokens.store import find_stored
from tests.support.banks.token_adapter import PROFILE, TokenAdapter
from tests.support.banks.token_server import TokenServer
from tests.support.makers.rows import make_user
from tests.support.people.connected import Connected, connect_bank, say_go

pytestmark = pytest.mark.usefixtures("database")
UNAVAILABLE = (503, b"<html>maintenance</html>", {"Content-Type": "text/html"})
NO_REFRESH: dict[str, object] = {"refresh_token_sealed": None, "refresh_expires_at": None}
UNKNOWN_CLIENT: tuple[int, bytes, dict[str, str]] = (401, b'{"error": "invalid_client"}', {})


async def failure_of(refreshes: Refreshes, connected: Connected) -> ProviderFailure:
    with pytest.raises(ProviderFailure) as failed:
        await refreshes.get_valid(connected.id)
    return failed.value


async def test_a_provider_that_is_away_keeps_the_tokens_and_is_left_alone_for_a_while(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    before = await connected.grant()
    await connected.age()
    bank.responses = [UNAVAILABLE]
    first, second = [await failure_of(refreshes, connected) for _ in range(2)]
    assert isinstance(first, ProviderNotReady)
    assert (first.detail, second.detail) == ("http_503", "http_503")
    assert second.retry_after is not None
    assert "Retry-After" in second.headers
    assert bank.asked["/token"] == 1, "the second one came in the pause"
    after = await connected.grant()
    assert (after.access_token, after.refresh_token) == (before.access_token, before.refresh_token)
    assert await connected.standing() == ("failed", "provider_failing")


async def test_many_processes_ask_a_provider_that_is_away_once(
    connected: Connected, bank: TokenServer
) -> None:
    await connected.age()
    bank.responses, bank.delay = [UNAVAILABLE] * 50, 0.2
    answers = await say_go(*[await connected.start(tasks=5) for _ in range(2)])
    assert answers == [["provider_not_ready"] * 5] * 2
    assert bank.asked["/token"] == 1


async def test_a_token_that_still_holds_is_used_while_the_provider_is_away_and_the_connection_stays_active(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age(expires_at=datetime.now(UTC) + timedelta(minutes=1))
    bank.responses = [UNAVAILABLE]
    assert (await refreshes.get_valid(connected.id)).version == 1
    assert await connected.standing() == ("active", None)
    row = await connected.row()
    assert (row.refresh_failures, row.refresh_failure) == (1, "http_503")


async def test_the_connection_comes_back_with_the_provider(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.responses = [UNAVAILABLE]
    await failure_of(refreshes, connected)
    await refreshes.refresh_leased(await find_stored(connected.id))
    assert await connected.standing() == ("active", None)
    row = await connected.row()
    assert (row.refresh_failures, row.refresh_failure) == (0, None)
    entries = await AuditEntry.filter(connection_id=connected.id).order_by("sequence")
    assert [entry.action for entry in entries][1:] == ["connection.failed", "token.refreshed"]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_provider_that_names_a_time_is_left_alone_by_everybody_for_that_time(
    connected: Connected,
    bank: TokenServer,
    refreshes: Refreshes,
    settings: TestSettings,
    status: int,
) -> None:
    another = await connect_bank(
        bank, settings, user=await connected.connection.user, provider=await connected.connection.provider
    )
    for one in (connected, another):
        await one.age()
    bank.responses = [(status, b"", {"Retry-After": "600"})]
    failure = await failure_of(refreshes, connected)
    assert failure.retry_after == timedelta(seconds=600)
    assert (await connected.row()).refresh_due_at >= datetime.now(UTC) + timedelta(seconds=590)  # type: ignore[operator]
    refused = await failure_of(refreshes, another)
    assert refused.retry_after is not None
    assert timedelta(seconds=590) < refused.retry_after <= timedelta(seconds=600)
    assert bank.asked["/token"] == 1


async def test_a_client_that_the_provider_does_not_know_fails_the_connection_and_nobody_hammers(
    connected: Connected, bank: TokenServer, refreshes: Refreshes, settings: TestSettings
) -> None:
    another = await connect_bank(
        bank, settings, user=await connected.connection.user, provider=await connected.connection.provider
    )
    for one in (connected, another):
        await one.age()
    bank.responses = [UNKNOWN_CLIENT] * 9
    for one in (connected, another, connected):
        assert isinstance(await failure_of(refreshes, one), ClientRefused)
        assert await one.standing() == ("failed", "client_refused")
    assert bank.asked["/token"] == 1


async def test_a_provider_whose_settings_were_taken_away_is_not_asked_and_loses_nothing(
    connected: Connected, bank: TokenServer, refreshes: Refreshes, adapter: TokenAdapter
) -> None:
    await connected.age()
    adapter.is_configured = False
    assert isinstance(await failure_of(refreshes, connected), ClientRefused)
    assert await connected.standing() == ("failed", "client_refused")
    adapter.is_configured = True
    await refreshes.refresh_leased(await find_stored(connected.id))
    assert await connected.standing() == ("active", None)
    assert bank.asked["/token"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"token_type": "Bearer"}',
        b'{"access_token": "a", "expires_in": "soon"}',
        b"<html>",
    ],
)
async def test_an_answer_that_cannot_be_used_keeps_the_tokens(
    connected: Connected, bank: TokenServer, refreshes: Refreshes, body: bytes
) -> None:
    before = await connected.grant()
    await connected.age()
    bank.responses = [(200, body, {})]
    assert isinstance(await failure_of(refreshes, connected), ResponseUnusable)
    assert (await connected.grant()).refresh_token == before.refresh_token
    assert (await connected.row()).refresh_failure == "malformed_answer"


async def test_after_a_limit_of_unusable_answers_a_provider_is_asked_once_a_day(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age(refresh_failures=UNUSABLE_LIMIT - 1)
    bank.responses = [(200, b"{}", {})]
    await failure_of(refreshes, connected)
    due_at = (await connected.row()).refresh_due_at
    assert due_at is not None
    assert due_at > datetime.now(UTC) + timedelta(hours=23)


async def test_an_omitted_refresh_token_and_scope_are_kept(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    before = await connected.grant()
    await connected.age()
    bank.rotates, bank.omits = False, frozenset({"refresh_token", "scope"})
    await refreshes.get_valid(connected.id)
    after = await connected.grant()
    assert (after.refresh_token, after.scope) == (before.refresh_token, before.scope)


async def test_an_omitted_expiry_is_the_profiles_and_never_for_good(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.omits = frozenset({"expires_in"})
    began = datetime.now(UTC)
    token = await refreshes.get_valid(connected.id)
    assert token.expires_at is not None
    assert PROFILE.access_ttl is not None
    assert abs(token.expires_at - began - PROFILE.access_ttl) < timedelta(seconds=5)


async def test_expiry_counts_from_the_start_of_the_request(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.delay, began = 1.0, datetime.now(UTC)
    await refreshes.get_valid(connected.id)
    row = await connected.row()
    assert row.granted_at is not None
    assert row.granted_at - began < timedelta(seconds=0.9)
    assert row.expires_at == row.granted_at + timedelta(seconds=1800)


async def test_a_narrower_scope_is_stored_and_audited(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.scope = "accounts"
    assert (await refreshes.get_valid(connected.id)).scope == "accounts"
    assert (await connected.row()).scope == "accounts"
    assert await connected.standing() == ("active", None)
    entry = await AuditEntry.get(connection_id=connected.id, action="token.refreshed")
    assert entry.details["scope"] == "accounts"


async def test_a_scope_that_lacks_what_is_needed_fails_the_connection(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age()
    bank.scope = "transactions"
    for _ in range(2):
        failure = await failure_of(refreshes, connected)
        assert (failure.code, failure.detail) == ("not_connected", "scope_missing")
    assert await connected.standing() == ("failed", "scope_missing")
    assert (await connected.row()).refresh_due_at is None
    assert bank.asked["/token"] == 1


async def test_a_refresh_token_at_its_end_is_not_sent(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age(refresh_expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert isinstance(await failure_of(refreshes, connected), NotConnected)
    assert await connected.standing() == ("expired", "refresh_expired")
    assert bank.asked["/token"] == 0


async def test_an_access_token_without_refresh_token_expires_the_connection_at_its_end_and_not_before(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    await connected.age(
        **NO_REFRESH,
        expires_at=datetime.now(UTC) + timedelta(minutes=1),
    )
    assert (await refreshes.get_valid(connected.id)).version == 1
    await connected.age()
    assert isinstance(await failure_of(refreshes, connected), NotConnected)
    assert await connected.standing() == ("expired", "access_expired")


async def test_a_rejected_token_without_refresh_token_is_a_refused_grant(
    connected: Connected, refreshes: Refreshes
) -> None:
    rejected = (await connected.grant()).access_token
    await connected.age(**NO_REFRESH, expires_at=datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(NotConnected):
        await refreshes.get_valid(connected.id, rejected=rejected)
    assert await connected.standing() == ("expired", "grant_refused")


async def test_a_token_that_does_not_open_fails_the_connection_until_it_does(
    connected: Connected, bank: TokenServer, refreshes: Refreshes
) -> None:
    row = await connected.row()
    await connected.age(access_token_sealed=row.refresh_token_sealed, expires_at=row.expires_at)
    for _ in range(2):
        with pytest.raises(SealError):
            await refreshes.get_valid(connected.id)
    assert await connected.standing() == ("failed", "unreadable")
    await connected.age(access_token_sealed=row.access_token_sealed, expires_at=row.expires_at)
    assert (await refreshes.get_valid(connected.id)).version == 1
    assert await connected.standing() == ("active", None)
    assert bank.asked["/token"] == 0


async def test_somebody_elses_connection_is_not_found(connected: Connected, refreshes: Refreshes) -> None:
    stranger = await make_user()
    try:
        with pytest.raises(NotFound):
            await refreshes.get_valid(connected.id, user_id=stranger.id)
    finally:
        await stranger.delete()


async def test_a_circuit_opens_for_everybody_and_lets_one_try_after_its_pause(cache: Cache) -> None:
    here = Circuits(cache, first=timedelta(milliseconds=200))
    there = Circuits(cache, first=timedelta(milliseconds=200))
    for _ in range(THRESHOLD):
        await here.admit("shaky")
        await here.failed("shaky", ProviderNotReady("away", detail="http_500"))
    with pytest.raises(ProviderNotReady) as refused:
        await there.admit("shaky")
    assert refused.value.detail == "http_500"
    await there.admit("another")
    await until_closed(there, "shaky")
    with pytest.raises(ProviderNotReady, match="trying"):
        await here.admit("shaky")
    await there.answered("shaky")
    await here.admit("shaky")
    await here.admit("shaky")


async def until_closed(circuits: Circuits, key: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await circuits.admit(key)
            except ProviderNotReady:
                await asyncio.sleep(0.02)
            else:
                return


async def test_one_more_failure_after_the_pause_opens_the_circuit_at_once(cache: Cache) -> None:
    circuits = Circuits(cache, first=timedelta(milliseconds=100))
    for _ in range(THRESHOLD):
        await circuits.failed("shaky", ProviderNotReady("away"))
    await until_closed(circuits, "shaky")
    await circuits.failed("shaky", ProviderNotReady("away"))
    with pytest.raises(ProviderNotReady):
        await circuits.admit("shaky")


async def test_failures_of_many_connections_open_the_circuit_of_their_provider(
    connected: Connected, bank: TokenServer, refreshes: Refreshes, settings: TestSettings
) -> None:
    user, provider = await connected.connection.user, await connected.connection.provider
    others = [await connect_bank(bank, settings, user=user, provider=provider) for _ in range(THRESHOLD + 2)]
    bank.responses = [UNAVAILABLE] * 20
    for one in others:
        await one.age()
        await failure_of(refreshes, one)
    assert bank.asked["/token"] == THRESHOLD
