"""The callback as a process: parameters of a redirect never reach a log."""

from collections.abc import Iterator

import pytest

from dashtam.settings.model import TestSettings
from tests.support.servers.served import Served, serving


@pytest.fixture(scope="module")
def served(settings: TestSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving("callback", tmp_path_factory.mktemp("served"), settings) as served:
        yield served


async def test_code_and_state_reach_no_log_and_no_response(served: Served) -> None:
    query = {"code": "canary-code", "state": "canary-state", "error_description": "canary-error"}
    async with served.client() as client:
        for path in ("/callback/schwab", "/callback/schwab/", "/", "/callback/UPPER"):
            response = await client.get(path, params=query, headers={"Referer": "https://canary-referer"})
            assert response.status_code in {400, 404, 429}
            assert "canary" not in response.text + str(response.headers)
    assert "/callback/schwab" in served.await_log("/callback/UPPER")
    assert "canary" not in served.log


async def test_a_body_is_refused_with_the_method(served: Served) -> None:
    async with served.client() as client:
        response = await client.post("/callback/schwab", data={"code": "canary"})
    assert response.status_code == 405
    assert response.headers["allow"] == "GET"


async def test_the_page_has_its_security_headers_over_tls(served: Served) -> None:
    async with served.client(http2=True) as client:
        response = await client.get("/callback/schwab")
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert response.headers["cache-control"] == "no-store"
