"""Both servers over TLS, each with connections of its own to the database: what meets there, meets for real."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from pydantic import SecretStr

from dashtam.devenv.project.certificates import Certificates
from dashtam.models import (
    AuthorizationRequest,
    ConnectionStatus,
    ProviderConnection,
    ProviderToken,
    Revocation,
)
from dashtam.settings.model import TestSettings
from tests.support.banks.in_loop import trusting
from tests.support.people.linking import OWN
from tests.support.people.town import MAX_AT_ONCE, Town, founded
from tests.support.servers.served import serving


@pytest.fixture
async def town(settings: TestSettings, certificates: Certificates, database: object) -> AsyncIterator[Town]:
    async with founded(settings, certificates) as town:
        yield town


async def test_fifty_equal_answers_at_once_make_one_token_request(town: Town) -> None:
    async with town.browser() as browser:
        connection_id, answer = await town.begin(browser)
        town.bank.hold.close()
        racing = [asyncio.create_task(browser.get(answer)) for _ in range(MAX_AT_ONCE)]
        await town.bank.hold.reached.wait()
        # The one that was first waits at the bank; everybody else is refused meanwhile.
        done: set[asyncio.Task[httpx.Response]] = set()
        async with asyncio.timeout(60):
            while len(done) < MAX_AT_ONCE - 1:
                done, _ = await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED, timeout=1)
        town.bank.hold.open()
        statuses = sorted([(await task).status_code for task in racing])
    assert statuses[0] == 303
    assert set(statuses[1:]) <= {400, 429}
    assert len(town.bank.token_requests) == 1
    assert await ProviderToken.filter(connection_id=connection_id).count() == 1
    assert not await AuthorizationRequest.filter(user_id=town.user.id).exists()


async def test_a_disconnection_that_meets_an_exchange_wins(town: Town) -> None:
    async with town.browser() as browser:
        connection_id, answer = await town.begin(browser)
        town.bank.hold.close()
        coming = asyncio.create_task(browser.get(answer))
        await town.bank.hold.reached.wait()
        ended = await browser.post(
            f"{town.app}/api/v1/connections/{connection_id}/disconnection",
            headers={"Authorization": f"Bearer {town.token}"},
        )
        assert ended.status_code == 200
        town.bank.hold.open()
        assert (await coming).status_code == 400
    connection = await ProviderConnection.get(id=connection_id)
    assert connection.status is ConnectionStatus.REVOKED
    assert not await ProviderToken.filter(connection_id=connection_id).exists()
    assert await Revocation.filter(connection_id=connection_id).count() == 2


async def test_a_browser_that_goes_away_meanwhile_changes_nothing(town: Town) -> None:
    async with town.browser() as browser:
        connection_id, answer = await town.begin(browser)
    town.bank.hold.close()
    cookies = browser.cookies
    async with town.browser() as leaving:
        leaving.cookies = cookies
        coming = asyncio.create_task(leaving.get(answer))
        await town.bank.hold.reached.wait()
        coming.cancel()
    async with town.browser() as other:
        for _ in range(20):  # the server is in this event loop: by then it has seen who left
            assert (await other.get(f"{town.callback}/connected")).status_code == 200
    town.bank.hold.open()
    async with asyncio.timeout(20):
        status = ConnectionStatus.PENDING
        while status is not ConnectionStatus.ACTIVE:
            await asyncio.sleep(0.02)
            status = (await ProviderConnection.get(id=connection_id)).status
    assert len(town.bank.token_requests) == 1


async def test_links_that_are_asked_for_at_once_are_counted_one_by_one(town: Town) -> None:
    async with town.browser() as browser:
        asking = [
            browser.post(
                f"{town.app}/api/v1/connections",
                json={"provider_key": town.provider.key, "alias": f"x{number}"},
                headers={"Authorization": f"Bearer {town.token}"},
            )
            for number in range(25)
        ]
        statuses = [answer.status_code for answer in await asyncio.gather(*asking)]
    assert sorted(statuses) == [201] * 10 + [429] * 15
    assert await AuthorizationRequest.filter(user_id=town.user.id).count() == 10
    assert await ProviderConnection.filter(user_id=town.user.id).count() == 10


async def test_of_browsers_that_open_one_link_at_once_one_gets_it(town: Town) -> None:
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(town.browser()) for _ in range(10)]
        begun = await browsers[0].post(
            f"{town.app}/api/v1/connections",
            json={"provider_key": town.provider.key, "alias": "x"},
            headers={"Authorization": f"Bearer {town.token}"},
        )
        link = begun.json()["link"]
        pages = [await browser.get(link) for browser in browsers]
        proofs = [page.text.partition('name="proof" value="')[2].partition('"')[0] for page in pages]
        opening = [
            browser.post(link, data={"proof": proof}, headers=OWN)
            for browser, proof in zip(browsers, proofs, strict=True)
        ]
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*opening))
    assert statuses[0] == 303
    assert set(statuses[1:]) <= {400, 403}


async def test_who_stalls_blocks_nobody(town: Town) -> None:
    stalled: list[asyncio.StreamWriter] = []
    context: ssl.SSLContext = trusting(town.certificates)
    for number in range(30):
        secured = {"ssl": context, "server_hostname": "localhost"} if number % 2 else {}
        _, writer = await asyncio.open_connection("127.0.0.1", town.callback_port, **secured)  # type: ignore[arg-type]
        writer.write(b"GET /callback/x HTTP/1.1\r\nHost: localhost\r\nX: " if number % 2 else b"\x16\x03")
        stalled.append(writer)
    async with town.browser() as browser:
        _, answer = await town.begin(browser)
        async with asyncio.timeout(10):
            done = await browser.get(answer)
            assert done.status_code == 303
            page = await browser.get(f"{town.callback}{done.headers['Location']}")
    assert page.status_code == 200
    for writer in stalled:
        writer.close()


async def test_pages_are_dressed_and_their_addresses_hold_nothing(town: Town) -> None:
    async with town.browser() as browser:
        _, answer = await town.begin(browser)
        done = await browser.get(answer)
        assert done.headers["location"] == "/connected"
        assert "code" not in done.headers["location"]
        for response in (done, await browser.get(f"{town.callback}/connected")):
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["referrer-policy"] == "no-referrer"
            assert response.headers["content-security-policy"].startswith("default-src 'none'")
            assert response.headers["cross-origin-opener-policy"] == "same-origin"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["x-frame-options"] == "DENY"
        (cleared,) = done.headers.get_list("set-cookie")
        assert "Max-Age=0" in cleared


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
async def test_an_answer_comes_by_get_alone(town: Town, method: str) -> None:
    async with town.browser() as browser:
        _, answer = await town.begin(browser)
        assert (await browser.request(method, answer)).status_code == 405
        assert not town.bank.token_requests
        assert (await browser.get(answer)).status_code == 303


async def test_without_the_database_nothing_is_lost_and_the_page_says_so(
    settings: TestSettings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    port = settings.database.port
    url = settings.DATABASE_URL.get_secret_value().replace(f":{port}/", ":1/")
    away = settings.model_copy(update={"DATABASE_URL": SecretStr(url)})
    state = "dashtam_state_" + "x" * 43
    with serving("callback", tmp_path_factory.mktemp("away"), away) as served:
        async with served.client() as client:
            response = await client.get("/callback/schwab", params={"code": "canary", "state": state})
        assert response.status_code == 503
        assert "Nothing was connected" in response.text
        log = served.await_log("/callback/schwab")
    assert "canary" not in log + response.text
    assert state not in log


async def test_neither_ticket_nor_answer_stands_in_a_log(
    settings: TestSettings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    canary = "dashtam_connect_" + "canary" * 7 + "x"
    with serving("app", tmp_path_factory.mktemp("logged"), settings) as served:
        async with served.client() as client:
            for method in ("GET", "POST"):
                response = await client.request(method, f"/connect/{canary}", params={"x": "canary"})
                assert response.status_code in {400, 429}
                assert "canary" not in response.text + str(response.headers)
        log = served.await_log('"path": "/connect/***"')
    assert "canary" not in log
