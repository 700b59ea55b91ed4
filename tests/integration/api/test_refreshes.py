"""POST /api/v1/connections/{id}/refreshes makes sure that a token is valid, and shows how the connection stands."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from quart import Quart

from dashtam.app import create_app
from dashtam.models import AuditEntry, User
from dashtam.resources import Resources
from dashtam.settings.model import TestSettings
from tests.support.banks.token_adapter import PROFILE, TokenAdapter
from tests.support.banks.token_caller import build_refreshes
from tests.support.banks.token_server import TokenServer, serving_tokens
from tests.support.makers.rows import make_provider
from tests.support.people.connected import Connected, connect_bank, forget_refreshes
from tests.support.people.visiting import MakeVisitor, make_person
from tests.support.people.visitors import Visitor, problem


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[TokenServer]:
    with serving_tokens(tmp_path) as server:
        yield server


@pytest.fixture
async def app(resources: Resources, settings: TestSettings, bank: TokenServer) -> AsyncIterator[Quart]:
    """The API, of which every provider is the bank of the test."""
    adapter = TokenAdapter(PROFILE, bank.url, bank.context())
    await forget_refreshes(resources.cache)
    refreshes = build_refreshes(resources.cache, settings, adapter)
    yield create_app(settings, resources=replace(resources, refreshes=refreshes))
    await forget_refreshes(resources.cache)
    await adapter.aclose()


@pytest.fixture
async def ada(visitor: Visitor) -> tuple[Visitor, User]:
    user = await make_person("ada@example.com")
    someone = Visitor(visitor.client)
    await someone.sign_in("ada@example.com")
    return someone, user


@pytest.fixture
async def connected(ada: tuple[Visitor, User], bank: TokenServer, settings: TestSettings) -> Connected:
    return await connect_bank(bank, settings, user=ada[1], provider=await make_provider())


async def test_a_token_that_is_due_is_refreshed_and_the_connection_shown(
    ada: tuple[Visitor, User], connected: Connected, bank: TokenServer
) -> None:
    await connected.age()
    response = await ada[0].ask("POST", f"connections/{connected.id}/refreshes")
    body = await response.get_json()
    assert response.status_code == 200
    assert (body["id"], body["status"]) == (str(connected.id), "active")
    assert datetime.fromisoformat(body["expires_at"]) > datetime.now(UTC) + timedelta(minutes=29)
    assert response.headers["ETag"]
    grant = await connected.grant()
    assert grant.access_token.get_secret_value() not in await response.get_data(as_text=True)
    assert bank.asked["/token"] == 1


async def test_a_token_that_is_valid_is_left_alone_and_the_wish_is_audited(
    ada: tuple[Visitor, User], connected: Connected, bank: TokenServer
) -> None:
    response = await ada[0].ask("POST", f"connections/{connected.id}/refreshes")
    assert response.status_code == 200
    assert bank.asked["/token"] == 0
    entry = await AuditEntry.get(connection_id=connected.id, action="connection.checked")
    assert entry.actor == f"user:{ada[1].id}"


async def test_a_provider_that_fails_is_told_with_the_time_to_wait(
    ada: tuple[Visitor, User], connected: Connected, bank: TokenServer
) -> None:
    await connected.age()
    bank.responses = [(503, b"", {"Retry-After": "120"})]
    response = await ada[0].ask("POST", f"connections/{connected.id}/refreshes")
    assert await problem(response) == (503, "provider_not_ready")
    assert int(response.headers["Retry-After"]) == 120


async def test_a_dead_grant_is_a_conflict_that_asks_to_connect_again(
    ada: tuple[Visitor, User], connected: Connected, bank: TokenServer
) -> None:
    await connected.age()
    bank.responses = [(400, b'{"error": "invalid_grant"}', {})]
    response = await ada[0].ask("POST", f"connections/{connected.id}/refreshes")
    assert await problem(response) == (409, "not_connected")
    entry = await AuditEntry.get(user_id=ada[1].id, action="connection.checked")
    assert (entry.outcome, entry.details) == ("denied", {"reason": "not_connected"})


async def test_somebody_elses_connection_is_not_there(
    connected: Connected, signed_in: MakeVisitor, bank: TokenServer
) -> None:
    await connected.age()
    eve = await signed_in("eve@example.com")
    response = await eve.ask("POST", f"connections/{connected.id}/refreshes")
    assert await problem(response) == (404, "not_found")
    assert bank.asked["/token"] == 0
