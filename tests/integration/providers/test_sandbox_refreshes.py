"""Tokens of the sandbox are kept valid by the same services that the API and the refresher use."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from argon2.profiles import CHEAPEST
from pydantic import SecretStr

from dashtam.connections.pkce import challenge_of
from dashtam.disposable.verification import VerifiedTestDatabase
from dashtam.models import Provider, ProviderConnection, ProviderToken, User
from dashtam.providers.base import OAuthAdapter
from dashtam.providers.errors import NotConnected, ProviderNotReady
from dashtam.resources import Resources, open_resources
from dashtam.tokens.store import find_stored, store_grant
from tests.support.banks.sandbox import Sandbox
from tests.support.makers.rows import make_connection, make_provider, make_user
from tests.support.people.connected import forget_refreshes

VERIFIER = SecretStr(secrets.token_urlsafe(48))


@pytest.fixture
async def resources(sandbox: Sandbox, database: VerifiedTestDatabase) -> AsyncIterator[Resources]:
    sandbox.turn()
    async with open_resources(sandbox.settings, process="pytest", hashing=CHEAPEST) as resources:
        await forget_refreshes(resources.cache)
        yield resources
        await forget_refreshes(resources.cache)


@pytest.fixture
async def provider(resources: Resources) -> AsyncIterator[Provider]:
    provider = await make_provider(key="sandbox")
    yield provider
    await provider.delete()


@pytest.fixture
async def user(provider: Provider) -> AsyncIterator[User]:
    user = await make_user()
    yield user
    await user.delete()


@pytest.fixture
async def connection(
    sandbox: Sandbox, resources: Resources, user: User, provider: Provider
) -> ProviderConnection:
    """A connection with an expired access token, after a sign-in on the sandbox's own pages."""
    adapter = resources.registry.get_usable("sandbox")
    assert isinstance(adapter, OAuthAdapter)
    url = adapter.authorization_url(
        state=SecretStr("x"), challenge=challenge_of(VERIFIER), redirect_uri=sandbox.redirect_uri
    )
    code = SecretStr(sandbox.visit(url)["code"])
    grant = await adapter.exchange(code, verifier=VERIFIER, redirect_uri=sandbox.redirect_uri)
    connection = await make_connection(user=user, provider=provider)
    await store_grant(
        connection.id, grant, keys=resources.keys, trail=resources.trail, profile=adapter.profile
    )
    past = datetime.now(UTC) - timedelta(minutes=1)
    await ProviderToken.filter(connection_id=connection.id).update(expires_at=past)
    return connection


async def status_of(connection_id: UUID) -> tuple[str, str | None]:
    stored = await find_stored(connection_id)
    return stored.status, stored.reason


async def test_a_due_token_is_refreshed_and_accepted(
    sandbox: Sandbox, resources: Resources, connection: ProviderConnection
) -> None:
    sandbox.turn()
    token = await resources.refreshes.get_valid(connection.id)
    assert sandbox.accounts(token.access_token.get_secret_value()).status_code == 200
    assert sandbox.counters()["token_requests"] == 1


async def test_a_lost_response_is_requested_again_within_the_grace_period(
    sandbox: Sandbox, resources: Resources, connection: ProviderConnection
) -> None:
    sandbox.turn(loses_answers=True)
    with pytest.raises(ProviderNotReady) as lost:
        await resources.refreshes.get_valid(connection.id)
    assert lost.value.detail == "answer_lost"
    asked = sandbox.counters()["token_requests"]
    assert asked == 2, "once, and once more within the grace"
    sandbox.turn()
    token = await resources.refreshes.refresh_leased(await find_stored(connection.id))
    assert token.version == 2
    assert await status_of(connection.id) == ("active", None)


async def test_a_grant_that_the_sandbox_revoked_expires_the_connection(
    sandbox: Sandbox, resources: Resources, connection: ProviderConnection
) -> None:
    sandbox.turn(fault="400")
    with pytest.raises(NotConnected):
        await resources.refreshes.get_valid(connection.id)
    assert await status_of(connection.id) == ("expired", "grant_refused")


async def test_a_busy_sandbox_is_not_called_before_its_retry_after(
    sandbox: Sandbox, resources: Resources, connection: ProviderConnection
) -> None:
    sandbox.turn(fault="429", retry_after="300")
    for _ in range(2):
        with pytest.raises(ProviderNotReady) as busy:
            await resources.refreshes.get_valid(connection.id)
        assert busy.value.retry_after is not None
        assert timedelta(seconds=290) < busy.value.retry_after <= timedelta(seconds=300)
    assert sandbox.counters()["token_requests"] == 1
