"""Liveness asks nobody; readiness names each thing that the process needs, with its state and the reason."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr
from quart.typing import TestClientProtocol as Client
from tortoise import connections

from dashtam.app import create_app
from dashtam.bootstrap.migrations import files
from dashtam.cache import Cache, open_cache
from dashtam.models import EncryptionKey, KeyState
from dashtam.resources import Resources
from dashtam.sealing.wrapping import Wrapper
from dashtam.settings.addresses import CacheAddress
from dashtam.settings.model import TestSettings
from tests.support.makers.rows import make_second_factor, make_token


@pytest.fixture
async def silent_port() -> AsyncIterator[int]:
    """A server that takes connections and never says a word."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_process_that_answers_is_alive(client: Client) -> None:
    response = await client.get("/health/live")
    assert (response.status_code, await response.get_json()) == (200, {"status": "alive"})


async def test_a_ready_process_names_the_database_that_it_is_really_connected_to(
    client: Client, settings: TestSettings
) -> None:
    response = await client.get("/health/ready")
    body = await response.get_json()
    assert response.status_code == 200, body
    assert body["status"] == "ready"
    assert body["environment"] == "testing"
    assert set(body["checks"]) == {"postgres", "migrations", "redis", "token_keys"}
    assert all(check["state"] == "ready" for check in body["checks"].values())
    assert body["checks"]["postgres"]["database"] == settings.database.name
    assert body["checks"]["redis"]["index"] == str(settings.cache.index)


async def test_a_missing_migration_is_not_ready_and_says_what_to_run(client: Client) -> None:
    await connections.get("default").execute_query("DELETE FROM aerich")
    response = await client.get("/health/ready")
    check = (await response.get_json())["checks"]["migrations"]
    assert response.status_code == 503
    assert (check["state"], check["reason"]) == (
        "not_ready",
        f"{len(files())} pending; run `invoke db.migrate`",
    )


async def test_a_token_under_a_key_that_is_gone_is_not_ready(client: Client) -> None:
    await make_token(key_id="lost")
    response = await client.get("/health/ready")
    check = (await response.get_json())["checks"]["token_keys"]
    assert response.status_code == 503
    assert (
        check["reason"] == "TOKEN_ENCRYPTION_KEYS lacks 1 key(s) that sealed tokens or the audit trail need"
    )


async def test_a_data_key_that_the_settings_do_not_unwrap_is_not_ready(client: Client) -> None:
    wrapped = Wrapper({"gone": bytes(range(32))}, environment="testing").make("k-lost")
    await EncryptionKey.create(
        id="k-lost", wrapped=wrapped.value, wrapping_key_id="gone", state=KeyState.DECRYPT
    )
    response = await client.get("/health/ready")
    check = (await response.get_json())["checks"]["token_keys"]
    assert (response.status_code, check["state"]) == (503, "not_ready")
    assert check["reason"] == "TOKEN_ENCRYPTION_KEYS lacks 1 key(s) that wrap data keys"
    assert "gone" not in str(check)


async def test_a_row_under_a_retired_data_key_is_not_ready(client: Client) -> None:
    await EncryptionKey.create(id="k-dead", wrapping_key_id="test", state=KeyState.RETIRED)
    await make_second_factor(key_id="k-dead")
    response = await client.get("/health/ready")
    check = (await response.get_json())["checks"]["token_keys"]
    assert (response.status_code, check["state"]) == (503, "not_ready")


async def not_ready(resources: Resources, settings: TestSettings, cache: Cache) -> tuple[int, dict[str, str]]:
    app = create_app(settings, resources=replace(resources, cache=cache))
    response = await app.test_client().get("/health/ready")
    check: dict[str, str] = (await response.get_json())["checks"]["redis"]
    return response.status_code, check


async def test_a_cache_that_is_away_is_not_ready(resources: Resources, settings: TestSettings) -> None:
    async with open_cache(
        CacheAddress("127.0.0.1", 1, 1, SecretStr("canary")), environment="testing", process="test"
    ) as cache:
        status, check = await not_ready(resources, settings, cache)
    assert status == 503
    assert check == {"state": "not_ready", "reason": "The cache does not answer as it should."}


async def test_a_cache_that_never_answers_is_given_up_in_time(
    resources: Resources, settings: TestSettings, silent_port: int
) -> None:
    async with open_cache(
        CacheAddress("127.0.0.1", silent_port, 1, None), environment="testing", process="test"
    ) as cache:
        status, check = await asyncio.wait_for(not_ready(resources, settings, cache), 60)
    assert (status, check["state"]) == (503, "not_ready")


async def test_a_wrong_password_of_the_cache_is_not_told(
    resources: Resources, settings: TestSettings
) -> None:
    at = settings.cache
    wrong = replace(at, password=SecretStr("canary-password"))
    async with open_cache(wrong, environment="testing", process="test") as cache:
        status, check = await not_ready(resources, settings, cache)
    assert status == 503
    assert "canary" not in str(check)
