"""The API as it really runs: hypercorn, TLS, its own process, its own log."""

import asyncio
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashtam.devenv.engines.reload import STOP_SECONDS
from dashtam.settings.model import TestSettings
from tests.support.servers.served import Served, serving

CANARIES = {
    "DATABASE_URL": "postgresql+asyncpg://dashtam_test_user:canary-of-the-database@127.0.0.1:1/dashtam_test",
    "REDIS_URL": "redis://:canary-of-the-cache@127.0.0.1:1/1",
    "TOKEN_ENCRYPTION_KEYS": "k:Y2FuYXJ5LW9mLXRoZS1rZXktY2FuYXJ5LW9mLXRoZS0=",
}


@pytest.fixture(scope="module")
def served(settings: TestSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving("app", tmp_path_factory.mktemp("served"), settings) as served:
        yield served


def lines(served: Served, *, until: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in served.await_log(until).splitlines()]


@pytest.mark.parametrize("http2", [False, True])
async def test_tls_verifies_against_the_local_authority(served: Served, http2: bool) -> None:
    async with served.client(http2=http2) as client:
        response = await client.get("/api/v1/providers")
    assert response.status_code == 200
    assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_tls_does_not_verify_without_it(served: Served) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        async with httpx.AsyncClient() as client:
            await client.get(f"https://localhost:{served.port}/health/live")


async def test_readiness_over_tls_names_the_database(served: Served, settings: TestSettings) -> None:
    async with served.client() as client:
        body = (await client.get("/health/ready")).json()
    assert body["checks"]["postgres"]["database"] == settings.database.name


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01garbage\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nBad Header: x\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_malformed_and_oversized_requests_are_refused_and_the_server_lives(
    served: Served, data: bytes
) -> None:
    answer = await asyncio.to_thread(served.say, data)
    assert answer == b"" or answer.split()[1][:1] == b"4"
    async with served.client() as client:
        assert (await client.get("/health/live")).status_code == HTTPStatus.OK


@pytest.mark.parametrize("http2", [False, True])
async def test_what_a_client_has_is_not_sent_again(served: Served, http2: bool) -> None:
    async with served.client(http2=http2) as client:
        first = await client.get("/api/v1/providers")
        second = await client.get("/api/v1/providers", headers={"If-None-Match": first.headers["etag"]})
        assert (await client.get("/health/live")).status_code == HTTPStatus.OK
    assert (second.status_code, second.content) == (HTTPStatus.NOT_MODIFIED, b"")
    assert second.headers["etag"] == first.headers["etag"]
    assert not {"content-type", "content-length"} & second.headers.keys()


async def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    async with served.client() as client:
        response = await client.post("/health/live", content=b"x" * 65_537)
    assert response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert response.headers["content-type"] == "application/problem+json"


async def test_the_access_log_has_one_line_a_request_with_the_path_but_never_the_query(
    served: Served,
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with served.client() as client:
        await client.get(
            "/x%0aforged", params={"code": "canary"}, headers={"traceparent": f"00-{trace}-{'1' * 16}-00"}
        )
    (line,) = [line for line in lines(served, until=trace) if line.get("trace_id") == trace]
    assert (line["event"], line["method"], line["path"], line["status"]) == (
        "request",
        "GET",
        "/x\nforged",
        404,
    )
    assert "canary" not in served.log


def test_every_line_of_the_log_is_json_also_those_of_hypercorn(served: Served) -> None:
    assert {"dashtam.app", "hypercorn.error", "dashtam.web.edge.edge"} <= {
        line["logger"] for line in lines(served, until="dashtam.web.edge.edge")
    }


def test_the_log_begins_with_the_redacted_settings(served: Served, settings: TestSettings) -> None:
    first = lines(served, until="starting")[0]
    assert first["event"] == "starting"
    assert f"database: {settings.database.place}" in first["settings"]
    assert settings.database.password.get_secret_value() not in served.log


def test_sigterm_ends_it_gently(settings: TestSettings, tmp_path: Path) -> None:
    with serving("app", tmp_path, settings) as served:
        assert served.stop() == 0
        assert [line for line in lines(served, until="stopped") if line["event"] == "stopped"]


@pytest.mark.parametrize("http2", [False, True])
def test_a_client_that_keeps_its_connection_and_reads_nothing_does_not_hold_up_the_end(
    settings: TestSettings, tmp_path: Path, http2: bool
) -> None:
    with (
        serving("app", tmp_path, settings) as served,
        httpx.Client(verify=served.context(), http2=http2) as idle,
    ):
        assert idle.get(f"https://localhost:{served.port}/health/live").status_code == HTTPStatus.OK
        assert served.stop(seconds=STOP_SECONDS) == 0
        assert [line for line in lines(served, until="stopped") if line["event"] == "stopped"]


async def test_without_database_and_cache_it_starts_says_so_and_tells_no_secret(
    settings: TestSettings, tmp_path: Path
) -> None:
    with serving("app", tmp_path, settings, {**CANARIES, "DEBUG": "true", "LOG_LEVEL": "DEBUG"}) as served:
        async with served.client() as client:
            ready = await client.get("/health/ready")
            providers = await client.get("/api/v1/providers?limit=1&after=canary-of-the-query")
            me = await client.get("/api/v1/users/me", headers={"Authorization": "Bearer canary-of-a-token"})
        served.stop()
    assert ready.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert {name for name, check in ready.json()["checks"].items() if check["state"] == "not_ready"} == {
        "postgres",
        "migrations",
        "redis",
        "token_keys",
    }
    for refused in (providers, me):
        assert (refused.status_code, refused.json()["code"]) in {
            (400, "invalid_request"),
            (503, "database_not_ready"),
        }
    assert me.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    everything = served.log + ready.text + providers.text + me.text
    assert "canary" not in everything
    assert CANARIES["TOKEN_ENCRYPTION_KEYS"].partition(":")[2] not in everything


def test_settings_that_are_refused_end_it_with_every_problem(settings: TestSettings, tmp_path: Path) -> None:
    wrong = {"DATABASE_URL": "canary", "REDIS_URL": "canary", "DEBUG": "maybe"}
    with (
        pytest.raises(AssertionError, match="did not start") as caught,
        serving("app", tmp_path, settings, wrong),
    ):
        pass
    assert all(name in str(caught.value) for name in wrong)
    assert "canary" not in str(caught.value)
