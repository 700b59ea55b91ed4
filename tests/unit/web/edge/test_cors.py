"""Only pages of origins that are named may read answers, and they are never given credentials."""

from dataclasses import replace

import pytest

from dashtam.settings.values import parse_origins
from dashtam.web.edge.edge import Application, Edge, Message, Policy, Receive, Scope, Send, security_headers

ORIGIN = "https://app.example.com"
OFF = Policy(
    hosts=frozenset({"localhost"}),
    methods=None,
    headers=security_headers(strict_transport="max-age=60"),
    refusal=lambda status: ("text/plain", status.name.encode()),
)
ON = replace(OFF, origins=frozenset({ORIGIN, "http://localhost:3000"}))
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"}
Answer = tuple[int, list[tuple[str, str]]]


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"vary", b"Accept")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("canary")


async def ask(
    policy: Policy,
    headers: dict[str, str] | list[tuple[str, str]],
    *,
    method: str = "GET",
    host: str = "localhost",
    application: Application = hello,
) -> Answer:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    raw = [(name.lower().encode(), value.encode("latin1")) for name, value in [("Host", host), *pairs]]
    await Edge(application, policy)(
        {"type": "http", "method": method, "path": "/x", "headers": raw}, receive, send
    )
    return sent[0]["status"], [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]


def sharing(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer[1] if name.startswith("access-control-")}


def vary(answer: Answer) -> list[str]:
    return [value for name, value in answer[1] if name == "vary"]


async def test_nothing_is_shared_unless_origins_are_named() -> None:
    plain = await ask(OFF, {"Origin": ORIGIN})
    assert (plain[0], sharing(plain), vary(plain)) == (200, {}, ["Accept"])
    preflight = await ask(OFF, PREFLIGHT, method="OPTIONS")
    assert (preflight[0], sharing(preflight)) == (200, {})  # the application's own answer


@pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:3000"])
async def test_a_named_origin_may_read_answers_and_refusals(origin: str) -> None:
    for answer in (
        await ask(ON, {"Origin": origin}),
        await ask(ON, {"Origin": origin}, host="evil.example"),
        await ask(ON, {"Origin": origin}, application=broken),
    ):
        assert sharing(answer)["access-control-allow-origin"] == origin
        assert {"ETag", "RateLimit"} <= {*sharing(answer)["access-control-expose-headers"].split(", ")}
        assert "access-control-allow-credentials" not in sharing(answer)
        assert "Origin" in vary(answer)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "*",
        "https://app.example.com.evil.example",
        "https://evil-app.example.com",
        "https://app.example.com:444",
        "http://app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "https://app.example.com/",
        "",
    ],
)
async def test_another_origin_reads_nothing_and_caches_are_told(origin: str) -> None:
    for headers in ({"Origin": origin}, {}):
        answer = await ask(ON, headers)
        assert (sharing(answer), vary(answer)) == ({}, ["Accept", "Origin"])
    preflight = await ask(ON, {**PREFLIGHT, "Origin": origin}, method="OPTIONS")
    assert sharing(preflight) == {}


async def test_two_origins_at_once_are_none() -> None:
    assert sharing(await ask(ON, [("Origin", ORIGIN), ("Origin", ORIGIN)])) == {}


async def test_a_preflight_is_answered_without_the_application() -> None:
    status, headers = await ask(ON, PREFLIGHT, method="OPTIONS", application=broken)
    shared = sharing((status, headers))
    assert status == 204
    assert shared["access-control-allow-origin"] == ORIGIN
    assert {"PUT", "POST", "DELETE"} <= set(shared["access-control-allow-methods"].split(", "))
    assert {"Authorization", "If-Match", "Idempotency-Key"} <= set(
        shared["access-control-allow-headers"].split(", ")
    )
    assert shared["access-control-max-age"] == "600"
    assert "x-trace-id" in dict(headers)


async def test_a_preflight_to_another_host_is_refused() -> None:
    assert (await ask(ON, PREFLIGHT, method="OPTIONS", host="evil.example"))[0] == 421


async def test_options_without_a_method_to_ask_for_is_no_preflight() -> None:
    assert (await ask(ON, {"Origin": ORIGIN}, method="OPTIONS"))[0] == 200


def test_origins_are_read() -> None:
    assert parse_origins("") == frozenset()
    assert parse_origins(f" {ORIGIN} ,http://localhost:3000,http://[::1]:1") == {
        ORIGIN,
        "http://localhost:3000",
        "http://[::1]:1",
    }


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "https://*",
        "https://*.example.com",
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://app.example.com:443",
        "http://localhost:80",
        "https://APP.example.com",
        "https://user@app.example.com",
        "https://größe.example",
        "https://app.example.com?",
        "https://app.example.com:port",
        "https://app.example.com https://b.example.com",
        "ftp://app.example.com",
        "https://",
        f"{ORIGIN},*",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        parse_origins(text)
