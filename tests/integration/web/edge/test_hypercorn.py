"""Whatever stands on the wire, over HTTP/1.1 and HTTP/2: a problem comes back, and the server lives."""

import asyncio
import json
from collections.abc import Iterator, Sequence

import pytest

from dashtam.settings.model import TestSettings
from tests.support.servers.http2 import ask_together, exchange
from tests.support.servers.served import Served, serving

HOST = b"Host: localhost\r\n"
END = b"Connection: close\r\n\r\n"
UPGRADE = b"GET /health/live HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


def get(target: bytes, headers: bytes = HOST, *, method: bytes = b"GET") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\n" + headers + END


def post(target: bytes, headers: bytes, body: bytes) -> bytes:
    return b"POST " + target + b" HTTP/1.1\r\n" + HOST + headers + END + body


@pytest.fixture(scope="module")
def served(settings: TestSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving("app", tmp_path_factory.mktemp("served"), settings) as served:
        yield served


@pytest.fixture(autouse=True)
async def _lives(served: Served) -> object:
    yield
    async with served.client() as client:
        assert (await client.get("/health/live")).status_code == 200
    assert "Traceback" not in served.log
    assert "outside of every handler" not in served.log


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"\x16\x03\x01garbage\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\n\r\n", 400),
        (get(b"/health/live", b"Host: a\r\nHost: b\r\n"), 400),
        (get(b"/health/live", HOST + b"Bad Header: x\r\n"), 400),
        (get(b"/health/live", HOST + b"X: a\0b\r\n"), 400),
        (get(b"/health/live", HOST + b"Content-Length: -1\r\n"), 400),
        (get(b"/health/live", HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        (get(b"/health/live", HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n"), 400),
        (get(b"/\xff"), 400),
        (get(b"health"), 400),
        (get(b"?x"), 400),
        (get(b"*", method=b"OPTIONS"), 400),
        (get(b"evil.example:443", method=b"CONNECT"), 400),
        (get(b"/nope%00"), 400),  # no PostgreSQL text holds it
        (get(b"/nope%ff"), 404),
        (get(b"//nope"), 404),
        (get(b"https://localhost/nope"), 404),
        (get(b"https://localhost"), 404),
        (get(b"/health/live", method=b"TRACE"), 405),
        (get(b"/health/live", method=b"BREW"), 405),
        (get(b"/health/live", method=b"OPTIONS"), 405),
        (post(b"/nope", b"Content-Length: 1000000\r\n", b"x"), 413),
        (get(b"/" + b"x" * 9_000), 414),
        (get(b"/api/v1/providers?after=" + b"x" * 9_000), 414),
        (get(b"/health/live", b"Host: evil.example\r\n"), 421),
        (get(b"https://evil.example/health/live"), 421),
        (b"GET /health/live HTTP/1.0\r\n\r\n", 421),
        (get(b"/" + b"x" * 100_000), 431),
        (get(b"/health/live", HOST + b"X: " + b"x" * 100_000 + b"\r\n"), 431),
        (get(b"/health/live", HOST + b"X: x\r\n" * 20_000), 431),
        (post(b"/nope", b"Transfer-Encoding: gzip\r\n", b""), 501),
    ],
)
async def test_a_request_that_cannot_be_served_is_refused_with_a_problem(
    served: Served, data: bytes, status: int
) -> None:
    answer = await asyncio.to_thread(served.say, data)
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert int(lines[0].split()[1]) == status
    assert "content-type: application/problem+json" in lines
    assert f"content-length: {len(body)}" in lines
    problem = json.loads(body)
    assert problem["status"] == status
    assert len(problem["trace_id"]) == 32
    assert f"x-trace-id: {problem['trace_id']}" in lines
    assert "x-content-type-options: nosniff" in lines
    assert any(line.startswith("allow: ") for line in lines) is (status == 405)
    assert any(problem["trace_id"] in line for line in served.await_log(problem["trace_id"]).splitlines())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (get(b"/health/live", HOST + b"Content-Length: 7\r\n") + b'{"a":1}', 200),
        (get(b"https://localhost/health/live"), 200),
        (get(b"https://localhost/health/live", b"Host: evil.example\r\n"), 200),
        (UPGRADE + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 200),
        (UPGRADE + b"\r\n", 200),
        (get(b"/health/live", HOST + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), 200),
        (post(b"/nope", b"Expect: 100-continue\r\nContent-Length: 1\r\n", b"x"), 100),
        (post(b"/nope", b"Transfer-Encoding: chunked\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n"), 404),
        (post(b"/nope", b"Transfer-Encoding: chunked\r\n", b"zz\r\n"), 404),
        (post(b"/nope", b"Content-Length: 100\r\n", b"x"), 404),
        (post(b"/nope", b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 404),
        (
            post(b"/nope", b"Transfer-Encoding: chunked\r\n", (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 16),
            404,
        ),
    ],
)
async def test_a_request_is_answered_for_what_it_asks(served: Served, data: bytes, status: int) -> None:
    answer = await asyncio.to_thread(served.say, data)
    assert int(answer.split()[1]) in {status, 400}
    assert status == 404 or int(answer.split()[1]) == status


def asking(
    path: bytes = b"/health/live", *, method: bytes = b"GET", host: bytes = b"localhost"
) -> list[tuple[bytes, bytes]]:
    return [(b":method", method), (b":path", path), (b":scheme", b"https"), (b":authority", host)]


WEBSOCKET = [
    *asking(b"/nope", method=b"CONNECT"),
    (b":protocol", b"websocket"),
    (b"sec-websocket-version", b"13"),
]
STREAM = {"reset"}
CONNECTION = {"goaway", "hang-up"}  # a hang-up may overtake the frame that announces it
MANY = [(f"x-{number}".encode(), b"x" * 100) for number in range(200)]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (asking(b"/nope"), (), 404),
        (asking(b"*", method=b"OPTIONS"), (), 400),
        (asking(b"health"), (), 400),
        (asking(method=b"BREW"), (), 405),
        (asking(method=b"POST"), (b"x" * 10,), 405),
        ([*asking(method=b"POST"), (b"content-length", b"1000000")], (), 413),
        (asking(b"/" + b"x" * 9_000), (), 414),
        (asking(host=b"evil.example"), (), 421),
        ([*asking(), *MANY], (), 431),
        (WEBSOCKET, (), 403),
    ],
)
async def test_http2_is_refused_with_a_problem_too(
    served: Served, headers: Sequence[tuple[bytes, bytes]], body: Sequence[bytes], status: int
) -> None:
    has_end = (b":method", b"CONNECT") not in headers and (b"content-length", b"1000000") not in headers
    seen = await asyncio.to_thread(exchange, served, headers, body=body, end=has_end)
    assert (seen.status, seen.ended_by) == (status, "answer")
    assert seen.headers["content-type"] == "application/problem+json"
    assert json.loads(seen.body)["trace_id"] == seen.headers["x-trace-id"]


@pytest.mark.parametrize(
    ("headers", "endings"),
    [
        (asking(b"/\xff"), STREAM),
        (asking(b""), CONNECTION),
        (asking()[:2], CONNECTION),
        ([*asking(), (b"Upper", b"x")], CONNECTION),
        ([*asking(), (b"connection", b"close")], CONNECTION),
        ([*asking(), (b"x", b"x" * 100_000)], CONNECTION),
    ],
)
async def test_http2_that_is_none_ends_without_an_answer(
    served: Served, headers: Sequence[tuple[bytes, bytes]], endings: set[str]
) -> None:
    seen = await asyncio.to_thread(exchange, served, headers)
    assert seen.status is None
    assert seen.ended_by in endings


async def test_a_body_that_comes_after_its_answer_leaves_other_requests_on_the_connection(
    served: Served,
) -> None:
    upload, look = (asking(b"/nope", method=b"POST"), b"x" * 480_000), (asking(b"/health/live"), b"")
    statuses = await asyncio.to_thread(ask_together, served, [upload] * 3 + [look] * 3, [look])
    assert statuses == [404, 404, 404, 200, 200, 200, 200]
