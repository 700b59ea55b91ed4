"""The edge refuses, limits, traces and dresses every answer, whatever the application does."""

import asyncio
import ssl
from dataclasses import replace
from http import HTTPStatus

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from dashtam.web.edge.edge import (
    Application,
    Edge,
    Message,
    Policy,
    Receive,
    Scope,
    Send,
    current_trace_id,
    security_headers,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
POLICY = Policy(
    hosts=frozenset({"localhost", "::1"}),
    methods=frozenset({"GET"}),
    headers=security_headers(strict_transport="max-age=60"),
    refusal=lambda status: ("text/plain", status.name.encode()),
)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"X-Seen", current_trace_id().encode()), (b"Cache-Control", b"public")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("canary")


async def broken_half_way(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("canary")


async def hung_up_on(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ssl.SSLError("canary")


async def never_connected(scope: Scope, receive: Receive, send: Send) -> None:
    raise ConnectionRefusedError("canary")


async def ask(
    application: Application,
    *headers: tuple[bytes, bytes],
    host: bytes = b"localhost:8000",
    method: str = "GET",
    policy: Policy = POLICY,
) -> tuple[int, dict[str, str], bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/x", "headers": [(b"host", host), *headers]}
    await Edge(application, policy)(scope, receive, send)
    start, *rest = sent
    body = b"".join(message["body"] for message in rest)
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body


async def test_every_answer_is_dressed_and_what_the_application_says_stays() -> None:
    status, headers, body = await ask(hello)
    assert (status, body) == (200, b"hello")
    assert headers["cache-control"] == "public"
    assert {name.decode() for name, _ in POLICY.headers} <= set(headers)


@pytest.mark.parametrize("host", [b"localhost", b"LOCALHOST:1", b"[::1]:8000"])
async def test_our_own_hosts_are_served(host: bytes) -> None:
    assert (await ask(hello, host=host))[0] == 200


@pytest.mark.parametrize(
    "host", [b"evil.example", b"localhost.evil.example", b"", b"localhost:x", b"a@localhost"]
)
async def test_other_hosts_are_refused(host: bytes) -> None:
    status, headers, body = await ask(hello, host=host)
    assert (status, body) == (HTTPStatus.MISDIRECTED_REQUEST, b"MISDIRECTED_REQUEST")
    assert headers["x-content-type-options"] == "nosniff"


async def test_two_hosts_are_refused() -> None:
    assert (await ask(hello, (b"host", b"evil.example")))[0] == HTTPStatus.MISDIRECTED_REQUEST


async def test_other_methods_are_refused_with_those_that_are_taken() -> None:
    status, headers, _ = await ask(hello, method="POST")
    assert (status, headers["allow"]) == (HTTPStatus.METHOD_NOT_ALLOWED, "GET")


async def test_a_body_that_is_announced_too_large_is_refused_before_it_is_read() -> None:
    status, _, _ = await ask(hello, (b"content-length", b"65537"))
    assert status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


async def test_an_application_that_never_answers_is_cut_off() -> None:
    assert (await ask(never, policy=replace(POLICY, seconds=0.05)))[0] == HTTPStatus.SERVICE_UNAVAILABLE


async def test_a_failure_is_answered_without_a_word_of_it() -> None:
    status, _, body = await ask(broken)
    assert (status, body) == (HTTPStatus.INTERNAL_SERVER_ERROR, b"INTERNAL_SERVER_ERROR")


async def test_a_failure_in_the_middle_of_an_answer_breaks_off() -> None:
    status, _, body = await ask(broken_half_way)
    assert (status, body) == (200, b"")


@pytest.mark.parametrize(
    ("application", "level"),
    [(hung_up_on, "warning"), (broken_half_way, "error"), (never_connected, "error")],
)
async def test_a_client_that_hangs_up_is_no_error_of_ours(application: Application, level: str) -> None:
    with structlog.testing.capture_logs() as logs:
        await ask(application)
    assert [line["log_level"] for line in logs if line["event"] != "request"] == [level]


async def test_the_callers_trace_is_continued() -> None:
    parent = f"00-{TRACE}-00f067aa0ba902b7-01".encode()
    _, headers, _ = await ask(hello, (b"traceparent", parent))
    assert headers["x-trace-id"] == headers["x-seen"] == TRACE


async def test_a_later_version_of_the_traceparent_may_say_more() -> None:
    parent = f"01-{TRACE}-00f067aa0ba902b7-01-more".encode()
    assert (await ask(hello, (b"traceparent", parent)))[1]["x-trace-id"] == TRACE


@pytest.mark.parametrize(
    "parent",
    [
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01-more",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-00f067aa0ba902b7",
        f"00-{TRACE}\n-00f067aa0ba902b7-01",
    ],
)
async def test_an_invalid_traceparent_begins_a_new_trace(parent: str) -> None:
    _, headers, _ = await ask(hello, (b"traceparent", parent.encode()))
    assert headers["x-trace-id"] != TRACE
    assert len(headers["x-trace-id"]) == 32


async def test_two_traceparents_begin_a_new_trace() -> None:
    parent = (b"traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())
    assert (await ask(hello, parent, parent))[1]["x-trace-id"] != TRACE


@given(st.lists(st.tuples(st.sampled_from([b"host", b"traceparent", b"content-length"]), st.binary())))
def test_no_header_brings_the_edge_down(headers: list[tuple[bytes, bytes]]) -> None:
    status, answered, _ = asyncio.run(ask(hello, *headers))
    assert status in {200, 413, 421}
    assert len(answered["x-trace-id"]) == 32


async def test_a_websocket_is_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await Edge(hello, POLICY)({"type": "websocket", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
