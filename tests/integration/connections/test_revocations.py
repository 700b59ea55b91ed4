"""A provider is told to forget a token until it has heard it, or the token has ended by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from dashtam.audit.caller import UNKNOWN
from dashtam.models import ProviderToken, Revocation
from dashtam.providers.registry import Registry
from dashtam.resources import Resources
from dashtam.tokens.revocations import LEASE, MAX_PATIENCE, pause_before, revoke_due
from tests.support.banks.bank import Bank, BankAdapter
from tests.support.people.linking import Person, Story


async def queue(ada: Person, bank: Bank) -> None:
    """Two tokens that the provider did not want to hear of."""
    connection = await ada.complete()
    earlier, bank.revocation_status = bank.revocation_status, 503
    await ada.ask("POST", f"connections/{connection.id}/disconnection")
    bank.revocation_status = earlier
    bank.revoked.clear()


async def attempt(resources: Resources) -> int:
    """Let everything be due, and try."""
    await Revocation.all().update(due_at=datetime.now(UTC))
    return await revoke_due(registry=resources.registry, keys=resources.keys, trail=resources.trail)


async def test_what_is_due_is_tried_again_the_refresh_token_first(
    ada: Person, bank: Bank, resources: Resources, story: Story
) -> None:
    await queue(ada, bank)
    assert await revoke_due(registry=resources.registry, keys=resources.keys, trail=resources.trail) == 0
    assert await attempt(resources) == 2
    assert [hint for _, hint in bank.revoked] == ["refresh_token", "access_token"]
    assert not await Revocation.exists()
    assert (await story())[-2:] == ["token.revoked succeeded"] * 2


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_a_failure_of_any_kind_leaves_the_token_believed_alive(
    ada: Person, bank: Bank, resources: Resources, status: int
) -> None:
    await queue(ada, bank)
    bank.revocation_status = status
    assert await attempt(resources) == 2
    rows = await Revocation.all()
    assert [(row.attempts, row.failure) for row in rows] == [(2, f"status_{status}")] * 2
    assert all(row.due_at > datetime.now(UTC) + timedelta(seconds=20) for row in rows)


async def test_a_provider_that_does_not_answer_leaves_the_token_believed_alive(
    ada: Person, bank: Bank, adapter: BankAdapter, resources: Resources, story: Story
) -> None:
    await queue(ada, bank)
    before = await story()
    adapter.url = "https://localhost:1"
    assert await attempt(resources) == 2
    assert [row.attempts for row in await Revocation.all()] == [2, 2]
    assert await story() == before, "nothing has ended yet"
    assert not await ProviderToken.exists(), "and here it is of no use all the same"


async def test_a_provider_is_left_alone_as_long_as_it_asks(
    ada: Person, bank: Bank, resources: Resources
) -> None:
    await queue(ada, bank)
    bank.revocation_status, bank.retry_after = 429, "900"
    await attempt(resources)
    soonest = datetime.now(UTC) + timedelta(seconds=890)
    assert all(row.due_at > soonest for row in await Revocation.all())


async def test_it_is_given_up_when_the_token_ends_and_that_is_audited(
    ada: Person, bank: Bank, resources: Resources, story: Story
) -> None:
    await queue(ada, bank)
    bank.revocation_status = 503
    await Revocation.all().update(expires_at=datetime.now(UTC) + timedelta(seconds=10))
    assert await attempt(resources) == 2
    assert not await Revocation.exists()
    assert (await story())[-2:] == ["token.revoked failed status_503"] * 2


async def test_a_provider_that_offers_no_way_is_asked_once(
    ada: Person, resources: Resources, story: Story
) -> None:
    body = {"provider_key": "paste", "alias": "x", "secrets": {"setup_token": "right"}}
    _, begun = await ada.ask("POST", "connections", body)
    assert (await ada.ask("POST", f"connections/{begun['id']}/disconnection"))[0] == 200
    assert not await Revocation.exists()
    assert (await story())[-1] == "token.revoked failed not_offered"


async def test_an_adapter_that_is_gone_may_come_back(ada: Person, bank: Bank, resources: Resources) -> None:
    await queue(ada, bank)
    await Revocation.all().update(due_at=datetime.now(UTC))
    assert await revoke_due(registry=Registry([]), keys=resources.keys, trail=resources.trail) == 2
    assert {row.failure for row in await Revocation.all()} == {"not_connectable"}
    assert await attempt(resources) == 2
    assert not await Revocation.exists()


async def test_a_token_that_does_not_open_ends_the_connection_all_the_same(
    ada: Person, bank: Bank, story: Story
) -> None:
    connection = await ada.complete()
    await ProviderToken.all().update(access_token_sealed=b"v2.x.AAAA.AAAA")
    status, shown = await ada.ask("POST", f"connections/{connection.id}/disconnection")
    assert (status, shown["status"]) == (200, "revoked")
    assert not await ProviderToken.exists()
    assert not bank.revoked
    assert "token.revoked failed unreadable" in await story()


async def test_what_has_ended_by_itself_needs_not_be_told(ada: Person, bank: Bank) -> None:
    connection = await ada.complete()
    await ProviderToken.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    await ada.ask("POST", f"connections/{connection.id}/disconnection")
    assert [hint for _, hint in bank.revoked] == ["refresh_token"]


async def test_the_queue_holds_nothing_in_clear_and_nothing_that_opens_elsewhere(
    ada: Person, bank: Bank, resources: Resources
) -> None:
    await queue(ada, bank)
    one, two = await Revocation.all().order_by("id")
    one.token_sealed, two.token_sealed = two.token_sealed, one.token_sealed
    await one.save()
    await two.save()
    assert await attempt(resources) == 2
    assert not bank.revoked
    assert {row.failure for row in await Revocation.all()} == {"seal_invalid"}


async def test_one_attempt_belongs_to_one_process_until_its_time_is_up(
    ada: Person, adapter: BankAdapter, bank: Bank, resources: Resources
) -> None:
    await queue(ada, bank)
    seen: list[int] = []
    real = adapter.revoke

    async def revoke(token: object, *, hint: str) -> bool:
        tell = revoke_due(registry=resources.registry, keys=resources.keys, trail=resources.trail, most=1)
        if not seen:  # another process comes while this one is at work: it finds the other row alone
            seen.append(await Revocation.filter(due_at__lte=datetime.now(UTC)).count())
            seen.append(await tell)
        else:
            tell.close()
        return await real(token, hint=hint)  # type: ignore[arg-type]

    adapter.revoke = revoke  # type: ignore[method-assign]
    assert await attempt(resources) == 1
    assert seen == [1, 1]
    assert len(bank.revoked) == 2
    assert timedelta(minutes=1) < LEASE < timedelta(minutes=5)


async def test_who_left_is_told_of_to_the_provider_afterwards(
    ada: Person, bank: Bank, resources: Resources, story: Story
) -> None:
    await ada.complete()
    await resources.identity.users.delete(ada.user, caller=UNKNOWN)
    assert await attempt(resources) == 2
    assert {token for token, _ in bank.revoked} == set(bank.granted)
    assert (await story())[-1] == "token.revoked succeeded"


def test_pauses_double_are_drawn_and_end_at_six_hours() -> None:
    for attempts in range(1, 40):
        drawn = {pause_before(attempts, retry_after=None) for _ in range(50)}
        whole = min(timedelta(seconds=30) * 2 ** (attempts - 1), timedelta(hours=6))
        assert whole / 2 <= min(drawn) < max(drawn) <= whole
    assert pause_before(1, retry_after=timedelta(days=1)) == timedelta(days=1)
    assert timedelta(days=7) == MAX_PATIENCE
