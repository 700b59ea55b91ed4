"""One user has so many connections and no more, however they are asked for, and is told what to do."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from dashtam.audit.caller import UNKNOWN
from dashtam.connections.allowance import MAX_CONNECTIONS, MAX_PENDING
from dashtam.connections.authorizations import Asker
from dashtam.connections.errors import TooManyConnections
from dashtam.connections.lifecycle import Standing
from dashtam.devenv.project.certificates import Certificates
from dashtam.models import (
    AuditEntry,
    AuthorizationRequest,
    ConnectionReason,
    ConnectionStatus,
    Provider,
    ProviderConnection,
    User,
)
from dashtam.providers.base import TokenGrant
from dashtam.providers.registry import Registry
from dashtam.resources import open_resources
from dashtam.settings.model import TestSettings
from dashtam.tokens.upkeep import purge_expired
from tests.support.banks.bank import PasteAdapter
from tests.support.people.linking import Person, Sign, Story, relinked
from tests.support.people.town import Town, founded

PASTE = {"provider_key": "paste", "secrets": {"setup_token": "right"}}


async def fill(user: User, provider: Provider, count: int, status: ConnectionStatus) -> None:
    """Give a user connections that stand somewhere."""
    connected_at = None if status is ConnectionStatus.PENDING else datetime.now(UTC)
    await ProviderConnection.bulk_create(
        [
            ProviderConnection(
                user=user,
                provider=provider,
                alias=f"{status}{number}",
                status=status,
                connected_at=connected_at,
            )
            for number in range(count)
        ]
    )


async def end(user: User, provider: Provider, alias: str) -> ProviderConnection:
    """Give a user a connection that has ended."""
    return await ProviderConnection.create(
        user=user,
        provider=provider,
        alias=alias,
        status=ConnectionStatus.REVOKED,
        reason=ConnectionReason.DISCONNECTED,
    )


async def test_a_thousand_starts_leave_few_rows_and_all_of_them_go_away(ada: Person) -> None:
    statuses = []
    for number in range(1000):
        body = {"provider_key": ada.provider_key, "alias": f"x{number}"}
        statuses.append((await ada.visitor.ask("POST", "connections", body)).status_code)
        await AuthorizationRequest.all().update(expires_at=datetime.now(UTC))  # nobody opens the links
    assert statuses == [201] * MAX_PENDING + [409] * (60 - MAX_PENDING) + [429] * 940
    assert await ProviderConnection.all().count() == MAX_PENDING
    assert await AuthorizationRequest.all().count() == 1
    assert await AuditEntry.filter(user_id=ada.user.id, outcome="denied").count() == 60 - MAX_PENDING
    assert await purge_expired() == {"AuthorizationRequest": 1}


async def test_connections_that_wait_are_so_many_and_the_user_is_told_what_to_do(
    ada: Person, provider: Provider, story: Story
) -> None:
    await fill(ada.user, provider, MAX_PENDING, ConnectionStatus.PENDING)
    status, body = await ada.ask("POST", "connections", {"provider_key": provider.key, "alias": "x"})
    assert (status, body["code"]) == (409, "too_many_connections")
    assert body["detail"] == (
        "You have too many connections. You have 20 that wait to be completed; at most 20 may wait at once. "
        "Complete, disconnect or delete one of them."
    )
    assert (await story())[-1] == "connection.created denied too_many_connections"
    assert (await ada.ask("POST", "connections", PASTE | {"alias": "x"}))[0] == 409
    one = await ProviderConnection.filter(user_id=ada.user.id).first()
    assert one is not None
    # What waits already may go on, and what is done with makes room.
    assert (await ada.ask("POST", f"connections/{one.id}/reconnections", {}))[0] == 201
    assert (await ada.ask("POST", f"connections/{one.id}/disconnection"))[0] == 200
    await ada.connect("x")


@pytest.mark.parametrize(
    "status", [ConnectionStatus.ACTIVE, ConnectionStatus.EXPIRED, ConnectionStatus.FAILED]
)
async def test_connections_that_have_not_ended_are_so_many(
    ada: Person, provider: Provider, status: ConnectionStatus
) -> None:
    await fill(ada.user, provider, MAX_CONNECTIONS - 1, status)
    await fill(ada.user, provider, MAX_CONNECTIONS, ConnectionStatus.REVOKED)
    await ada.connect("the last")
    refused, body = await ada.ask("POST", "connections", {"provider_key": provider.key, "alias": "x"})
    assert (refused, body["code"]) == (409, "too_many_connections")
    assert "100 that have not ended; at most 100 may stand at once" in body["detail"]
    assert (await ada.ask("POST", "connections", PASTE | {"alias": "x"}))[0] == 409


async def test_somebody_elses_connections_do_not_count(
    ada: Person, sign_in: Sign, provider: Provider
) -> None:
    await fill(ada.user, provider, MAX_CONNECTIONS, ConnectionStatus.ACTIVE)
    await (await sign_in()).connect()


async def test_a_connection_that_works_is_reconnected_however_many_there_are(
    ada: Person, provider: Provider
) -> None:
    await fill(ada.user, provider, MAX_PENDING, ConnectionStatus.PENDING)
    await fill(ada.user, provider, MAX_CONNECTIONS, ConnectionStatus.ACTIVE)
    one = await ProviderConnection.filter(user_id=ada.user.id, status=ConnectionStatus.ACTIVE).first()
    assert one is not None
    assert (await ada.ask("POST", f"connections/{one.id}/reconnections", {}))[0] == 201


@pytest.mark.parametrize("earlier", [ConnectionStatus.REVOKED, ConnectionStatus.FAILED])
async def test_a_connection_begins_again_where_there_is_room(
    ada: Person, provider: Provider, story: Story, earlier: ConnectionStatus
) -> None:
    await fill(ada.user, provider, MAX_PENDING, ConnectionStatus.PENDING)
    one = await ProviderConnection.create(user=ada.user, provider=provider, alias="x", status=earlier)
    status, body = await ada.ask("POST", f"connections/{one.id}/reconnections", {})
    assert (status, body["code"]) == (409, "too_many_connections")
    assert (await ProviderConnection.get(id=one.id)).status is earlier
    assert (await story())[-1] == "authorization.started denied too_many_connections"


async def test_what_has_ended_does_not_come_back_beyond_the_limit(
    ada: Person, provider: Provider, story: Story
) -> None:
    await fill(ada.user, provider, MAX_CONNECTIONS, ConnectionStatus.ACTIVE)
    by_browser, by_secret = [
        await end(ada.user, at, at.key) for at in (provider, await Provider.get(key="paste"))
    ]
    path = f"connections/{by_browser.id}/reconnections"
    assert (await ada.ask("POST", path, {}))[1]["code"] == "too_many_connections"
    path, secrets = f"connections/{by_secret.id}/reconnections", {"secrets": {"setup_token": "right"}}
    assert (await ada.ask("POST", path, secrets))[1]["code"] == "too_many_connections"
    assert (await story())[-1] == "authorization.completed denied too_many_connections"
    await ProviderConnection.filter(user_id=ada.user.id, status=ConnectionStatus.ACTIVE).limit(1).delete()
    assert (await ada.ask("POST", path, secrets))[0] == 201, "the secret was not spent in vain"


async def test_of_many_that_begin_at_once_no_more_get_through_than_there_is_room_for(
    settings: TestSettings, certificates: Certificates, database: object
) -> None:
    async with founded(settings, certificates) as town:
        await fill(town.user, town.provider, MAX_PENDING - 3, ConnectionStatus.PENDING)
        assert await begin_at_once(town, keyed=False) == [201] * 3 + [409] * 12
        assert await ProviderConnection.filter(user_id=town.user.id).count() == MAX_PENDING
        await ProviderConnection.filter(user_id=town.user.id).delete()
        await fill(town.user, town.provider, MAX_CONNECTIONS - 3, ConnectionStatus.ACTIVE)
        assert await begin_at_once(town, keyed=True) == [201] * 3 + [409] * 12
        assert await ProviderConnection.filter(user_id=town.user.id).count() == MAX_CONNECTIONS


async def begin_at_once(town: Town, *, keyed: bool) -> list[int]:
    """Fifteen requests at once, each with an Idempotency-Key of its own or none."""
    async with town.browser() as browser:
        asking = [
            browser.post(
                f"{town.app}/api/v1/connections",
                json={"provider_key": town.provider.key, "alias": f"x{number}"},
                headers={"Authorization": f"Bearer {town.token}"}
                | ({"Idempotency-Key": f"{number}"} if keyed else {}),
            )
            for number in range(15)
        ]
        return sorted(answer.status_code for answer in await asyncio.gather(*asking))


async def test_of_secrets_that_are_brought_at_once_no_more_get_through_than_there_is_room_for(
    settings: TestSettings, certificates: Certificates, database: object
) -> None:
    async with founded(settings, certificates) as town:
        await fill(town.user, town.provider, MAX_CONNECTIONS - 3, ConnectionStatus.ACTIVE)
        async with open_resources(settings, process="pytest") as resources:
            claims = relinked(resources, Registry([PasteAdapter(town.provider.key)])).connections.claims
            coming = [
                claims.connect(
                    Asker(town.user.id, None, UNKNOWN),
                    provider_key=town.provider.key,
                    alias=f"x{number}",
                    secrets={"setup_token": SecretStr(f"right{number}")},
                )
                for number in range(15)
            ]
            results = await asyncio.gather(*coming, return_exceptions=True)
        assert [type(result) for result in results].count(TooManyConnections) == 12
        assert await ProviderConnection.filter(user_id=town.user.id).count() == MAX_CONNECTIONS


async def test_of_ended_ones_that_come_back_at_once_no_more_do_than_there_is_room_for(
    settings: TestSettings, certificates: Certificates, database: object
) -> None:
    """Both were told that there is room, and both had their secret taken: storing is what decides."""
    async with founded(settings, certificates) as town:
        await fill(town.user, town.provider, MAX_CONNECTIONS - 1, ConnectionStatus.ACTIVE)
        ended = [await end(town.user, town.provider, f"ended{number}") for number in range(2)]
        async with open_resources(settings, process="pytest") as resources:
            slow = SlowPasteAdapter(town.provider.key, waiting=asyncio.Barrier(2))
            claims = relinked(resources, Registry([slow])).connections.claims
            asker = Asker(town.user.id, None, UNKNOWN)
            coming = [
                claims.reconnect(asker, one.id, secrets={"setup_token": SecretStr(f"right{one.alias}")})
                for one in ended
            ]
            results = await asyncio.gather(*coming, return_exceptions=True)
        assert {type(result) for result in results} == {Standing, TooManyConnections}
        alive = ProviderConnection.filter(user_id=town.user.id).exclude(status=ConnectionStatus.REVOKED)
        assert await alive.count() == MAX_CONNECTIONS


@dataclass
class SlowPasteAdapter(PasteAdapter):
    """Takes what was copied when everybody has come that far."""

    waiting: asyncio.Barrier = field(kw_only=True)

    async def claim(self, secrets: Mapping[str, SecretStr]) -> TokenGrant:
        grant = await super().claim(secrets)
        await self.waiting.wait()
        return grant
