"""What the refresher does while nobody asks: it refreshes ahead of time, tells users once, and removes what expired."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashtam.audit.trail import AuditTrail
from dashtam.mail.errors import MailRefused, MailServerNotReady
from dashtam.models import AuditEntry, AuthorizationRequest, OneTimeCode, Provider, User, UserSession
from dashtam.settings.model import TestSettings
from dashtam.tokens.refreshing import Refreshes
from dashtam.tokens.upkeep import LEASE, SIDE_BY_SIDE, Upkeep, purge_expired
from tests.support.banks.token_adapter import PROFILE, TokenAdapter
from tests.support.banks.token_server import TokenServer
from tests.support.makers.rows import make_code, make_connection, make_session
from tests.support.people.connected import Connected, a_person, connect_bank
from tests.support.people.visitors import Postbox

pytestmark = pytest.mark.usefixtures("database")
LATER = timedelta(days=30)


class Closed(Postbox):
    """A mail server that takes nothing."""

    error: type[MailServerNotReady] | type[MailRefused] = MailServerNotReady

    async def send(self, *, to: str, subject: str, text: str) -> None:
        raise self.error("not now")


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def upkeep(refreshes: Refreshes, trail: AuditTrail, postbox: Postbox) -> Upkeep:
    return Upkeep(refreshes, trail, postbox)


@pytest.fixture
async def user(connected: Connected) -> User:
    return await connected.connection.user


async def told(connected: Connected) -> list[str]:
    entries = await AuditEntry.filter(connection_id=connected.id, action__endswith="_told")
    return [f"{entry.action} {entry.outcome}" for entry in entries]


async def test_what_is_due_is_refreshed_before_anybody_waits(
    connected: Connected, bank: TokenServer, upkeep: Upkeep
) -> None:
    await connected.age(expires_at=datetime.now(UTC) + timedelta(minutes=4))
    assert await upkeep.refresh_due() == 1
    row = await connected.row()
    assert row.version == 2
    assert row.refresh_due_at is not None
    assert row.refresh_due_at > datetime.now(UTC) + timedelta(minutes=20)
    assert await upkeep.refresh_due() == 0
    assert bank.asked["/token"] == 1


async def test_many_are_shared_by_two_processes_and_each_is_refreshed_once(
    connected: Connected, bank: TokenServer, upkeep: Upkeep, settings: TestSettings
) -> None:
    user, provider = await connected.connection.user, await connected.connection.provider
    many = [
        await connect_bank(bank, settings, user=user, provider=provider) for _ in range(5 * SIDE_BY_SIDE + 5)
    ]
    for one in many:
        await one.age()
    seen = await asyncio.gather(upkeep.refresh_due(), upkeep.refresh_due())
    assert sum(seen) == len(many)
    assert bank.asked["/token"] == len(many)
    assert {(await one.row()).version for one in many} == {2}


async def test_what_a_killed_process_had_claimed_is_due_again_after_its_lease(
    connected: Connected, bank: TokenServer, upkeep: Upkeep
) -> None:
    await connected.age(refresh_due_at=datetime.now(UTC) + LEASE)  # as the claim left it
    assert await upkeep.refresh_due() == 0
    await connected.age(refresh_due_at=datetime.now(UTC))
    assert await upkeep.refresh_due() == 1
    assert bank.asked["/token"] == 1


async def test_a_provider_that_fails_is_asked_again_when_its_pause_is_over(
    connected: Connected, bank: TokenServer, upkeep: Upkeep
) -> None:
    await connected.age()
    bank.responses = [(503, b"", {})]
    await upkeep.refresh_due()
    row = await connected.row()
    assert (row.refresh_failures, row.version) == (1, 1)
    assert row.refresh_due_at is not None
    assert timedelta(seconds=10) < row.refresh_due_at - datetime.now(UTC) <= timedelta(seconds=30)
    assert await upkeep.refresh_due() == 0
    await connected.age(refresh_failures=1)
    await upkeep.refresh_due()
    assert (await connected.row()).version == 2


async def test_the_end_of_a_connection_is_told_once(
    connected: Connected, bank: TokenServer, upkeep: Upkeep, postbox: Postbox, user: User
) -> None:
    await connected.age()
    bank.responses = [(400, b'{"error": "invalid_grant"}', {})]
    for _ in range(3):
        await upkeep.refresh_due()
    (email,) = postbox.emails
    assert email.to == user.email
    assert connected.connection.alias in email.text
    assert email.subject.endswith(" again")
    assert (await connected.row()).refresh_due_at is None
    assert await told(connected) == ["connection.end_told succeeded"]


async def test_an_end_that_somebody_else_noticed_is_told_too(
    connected: Connected, bank: TokenServer, upkeep: Upkeep, postbox: Postbox, refreshes: Refreshes
) -> None:
    await connected.age(refresh_expires_at=datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(Exception, match="refresh_expired"):
        await refreshes.get_valid(connected.id)
    await upkeep.refresh_due()
    assert len(postbox.emails) == 1
    assert bank.asked["/token"] == 0


async def test_a_letter_that_cannot_be_sent_now_is_sent_later(
    connected: Connected, bank: TokenServer, refreshes: Refreshes, trail: AuditTrail, postbox: Postbox
) -> None:
    await connected.age()
    bank.responses = [(400, b'{"error": "invalid_grant"}', {})]
    closed = Upkeep(refreshes, trail, Closed())
    for _ in range(2):
        await closed.refresh_due()
    due_at = (await connected.row()).refresh_due_at
    assert due_at is not None
    assert due_at > datetime.now(UTC) + timedelta(minutes=5)
    await connected.age()
    await Upkeep(refreshes, trail, postbox).refresh_due()
    assert len(postbox.emails) == 1


async def test_a_letter_that_is_never_taken_is_not_tried_for_ever(
    connected: Connected, bank: TokenServer, refreshes: Refreshes, trail: AuditTrail
) -> None:
    await connected.age()
    bank.responses = [(400, b'{"error": "invalid_grant"}', {})]
    closed = Closed()
    closed.error = MailRefused
    for _ in range(2):
        await Upkeep(refreshes, trail, closed).refresh_due()
    assert (await connected.row()).refresh_due_at is None
    assert await told(connected) == ["connection.end_told failed"]


async def test_a_refresh_token_that_ends_soon_is_warned_of_once_and_goes_on_being_refreshed(
    connected: Connected, bank: TokenServer, upkeep: Upkeep, postbox: Postbox, adapter: TokenAdapter
) -> None:
    adapter.profile = replace(PROFILE, is_refresh_ttl_fixed=True)
    end = datetime.now(UTC) + timedelta(hours=20)
    for _ in range(2):
        await connected.age(refresh_expires_at=end)
        await upkeep.refresh_due()
    (email,) = postbox.emails
    assert f"{end:%Y-%m-%d %H:%M}" in email.text
    row = await connected.row()
    assert (row.version, row.refresh_expires_at) == (3, end)
    assert row.warned_at is not None
    assert await told(connected) == ["connection.ending_told succeeded"]


async def test_whoever_is_warned_while_nothing_is_due_is_looked_at_again_in_time(
    connected: Connected, bank: TokenServer, upkeep: Upkeep, postbox: Postbox
) -> None:
    now = datetime.now(UTC)
    await connected.age(
        granted_at=now, expires_at=now + timedelta(minutes=30), refresh_expires_at=now + timedelta(hours=3)
    )
    await upkeep.refresh_due()
    assert len(postbox.emails) == 1
    due_at = (await connected.row()).refresh_due_at
    assert due_at is not None
    assert timedelta(minutes=20) < due_at - now < timedelta(minutes=26)
    assert bank.asked["/token"] == 0


async def test_an_access_token_without_another_is_expired_at_its_end(
    connected: Connected, upkeep: Upkeep, postbox: Postbox
) -> None:
    await connected.age(refresh_token_sealed=None, refresh_expires_at=None)
    for _ in range(2):
        await upkeep.refresh_due()
    assert await connected.standing() == ("expired", "access_expired")
    assert len(postbox.emails) == 1


async def test_a_connection_that_is_gone_stops_nobody(
    connected: Connected, bank: TokenServer, upkeep: Upkeep, settings: TestSettings
) -> None:
    another = await connect_bank(
        bank, settings, user=await connected.connection.user, provider=await connected.connection.provider
    )
    await connected.age()
    await another.age()
    await connected.connection.delete()
    assert await upkeep.refresh_due() == 1
    assert (await another.row()).version == 2


@pytest.fixture
async def person() -> AsyncIterator[tuple[User, Provider]]:
    async with a_person() as (user, provider):
        yield user, provider


async def test_what_has_expired_is_removed_and_nothing_else(person: tuple[User, Provider]) -> None:
    somebody, provider = person
    now = datetime.now(UTC)
    for expires_at in (now - timedelta(minutes=1), now + LATER):
        await make_session(user=somebody, expires_at=expires_at)
        await make_code(email=somebody.email, expires_at=expires_at)
        connection = await make_connection(user=somebody, provider=provider)
        await AuthorizationRequest.create(
            user=somebody, connection=connection, ticket_hash=connection.id.hex * 2, expires_at=expires_at
        )
    purged = await purge_expired()
    assert min(purged[name] for name in ("UserSession", "OneTimeCode", "AuthorizationRequest")) >= 1
    for kind in (UserSession, AuthorizationRequest):
        (left,) = await kind.filter(user_id=somebody.id)
        assert left.expires_at > now
    (code,) = await OneTimeCode.filter(email=somebody.email)
    assert code.expires_at > now
    await code.delete()
    assert "OneTimeCode" not in await purge_expired()
