"""Sign-in as it really runs: two processes, TLS, and requests that meet."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import pytest
from argon2.profiles import CHEAPEST
from pydantic import SecretStr

from dashtam.identity.passwords import open_passwords
from dashtam.resources import build_identity, open_resources
from dashtam.settings.model import TestSettings
from tests.support.people.visitors import OTHER_PASSWORD, PASSWORD, Postbox, forget_attempts
from tests.support.servers.served import Served, serving


@pytest.fixture(scope="module")
def servers(settings: TestSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Served]]:
    with (
        serving("app", tmp_path_factory.mktemp("one"), settings) as one,
        serving("app", tmp_path_factory.mktemp("two"), settings) as two,
    ):
        yield [one, two]


@pytest.fixture
async def clients(servers: list[Served]) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with servers[0].client() as one, servers[1].client() as two:
        yield [one, two]


@pytest.fixture
async def email(settings: TestSettings) -> AsyncIterator[str]:
    """A user whom the servers see too, and who is gone afterwards."""
    address = f"{uuid4().hex}@example.com"
    async with open_resources(settings, process="pytest", hashing=CHEAPEST) as resources:
        await forget_attempts(resources.cache)
        with open_passwords(CHEAPEST) as passwords:
            users = build_identity(
                resources.settings, resources.cache, resources.keys, passwords, resources.trail, Postbox()
            ).users
            user = await users.create(email=address, password=SecretStr(PASSWORD))
            yield address
            await user.delete()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def sign_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> dict[str, str]:
    response = await client.post("/api/v1/sessions", json={"email": email, "password": password})
    assert response.status_code == 201, response.text
    tokens: dict[str, str] = response.json()
    return tokens


async def me(client: httpx.AsyncClient, token: str) -> int:
    return (await client.get("/api/v1/users/me", headers=bearer(token))).status_code


async def test_a_session_that_ends_in_one_process_has_ended_in_the_other(
    clients: list[httpx.AsyncClient], email: str
) -> None:
    for _ in range(3):
        token = (await sign_in(clients[0], email))["access_token"]
        assert [await me(client, token) for client in (*clients, *clients)] == [200] * 4  # remembered by now
        ended = await clients[0].delete("/api/v1/sessions/current", headers=bearer(token))
        assert ended.status_code == 204
        assert [await me(client, token) for client in clients] == [401, 401]


async def test_requests_that_race_with_the_end_never_bring_a_session_back(
    clients: list[httpx.AsyncClient], email: str
) -> None:
    token = (await sign_in(clients[0], email))["access_token"]
    async with asyncio.TaskGroup() as racing:
        ending = racing.create_task(clients[0].delete("/api/v1/sessions/current", headers=bearer(token)))
        asking = [racing.create_task(me(clients[number % 2], token)) for number in range(30)]
    statuses = [task.result() for task in asking]
    assert ending.result().status_code == 204
    assert set(statuses) <= {200, 401}
    assert [await me(client, token) for client in clients * 3] == [401] * 6


async def test_of_refreshes_that_meet_one_is_served_and_the_session_goes_on(
    clients: list[httpx.AsyncClient], email: str
) -> None:
    tokens = await sign_in(clients[0], email)
    body = {"refresh_token": tokens["refresh_token"]}
    answers = await asyncio.gather(
        *(clients[number % 2].post("/api/v1/sessions/refreshes", json=body) for number in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 9]
    (served,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert await me(clients[1], served["access_token"]) == 200
    again = await clients[1].post(
        "/api/v1/sessions/refreshes", json={"refresh_token": served["refresh_token"]}
    )
    assert again.status_code == 200


async def test_sessions_that_begin_while_the_password_changes_end_or_never_begin(
    clients: list[httpx.AsyncClient], email: str
) -> None:
    tokens = await sign_in(clients[0], email)
    change = clients[0].put(
        "/api/v1/users/me/password",
        json={"password": PASSWORD, "new_password": OTHER_PASSWORD},
        headers=bearer(tokens["access_token"]),
    )
    attempts = [
        clients[1].post("/api/v1/sessions", json={"email": email, "password": PASSWORD}) for _ in range(5)
    ]
    changed, *begun = await asyncio.gather(change, *attempts)
    assert changed.status_code == 200
    for answer in begun:
        assert answer.status_code in {201, 401, 429}
        if answer.status_code == 201:
            assert await me(clients[0], answer.json()["access_token"]) == 401
    assert await me(clients[1], tokens["access_token"]) == 200
    assert (await sign_in(clients[1], email, OTHER_PASSWORD))["access_token"]


async def test_no_log_holds_a_password_or_a_token(
    servers: list[Served], clients: list[httpx.AsyncClient], email: str
) -> None:
    tokens = await sign_in(clients[0], email)
    await me(clients[0], tokens["access_token"])
    await clients[0].get(f"/api/v1/{tokens['access_token']}")
    await clients[0].get("/api/v1/providers", params={"after": tokens["refresh_token"]})
    await clients[0].get("/the/end")
    log = servers[0].await_log("/the/end")
    assert not [
        secret for secret in (PASSWORD, tokens["access_token"], tokens["refresh_token"]) if secret in log
    ]
