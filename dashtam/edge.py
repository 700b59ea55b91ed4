"""The outermost layer of both servers: trace, host, size and time limits, security headers, access log.

It wraps the whole ASGI application, so what it promises holds for every answer, also for those that no handler makes.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import structlog

from dashtam.logs import get_logger

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
HeaderList = tuple[tuple[bytes, bytes], ...]

MOST_BODY_BYTES: Final = 65_536
MOST_SECONDS: Final = 30.0
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_HOST: Final = re.compile(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|([^:\[\]]+)(?::\d+)?")
_MOST_LOGGED_PATH: Final = 256
_trace_id: ContextVar[str] = ContextVar("trace_id", default="")
_log = get_logger(__name__)


@dataclass(frozen=True)
class Policy:
    """What an edge lets through, and how it says no."""

    hosts: frozenset[str]
    methods: frozenset[str] | None
    """None: whatever the routes take."""
    headers: HeaderList
    """Set on every answer that does not set them itself."""
    refusal: Callable[[HTTPStatus], tuple[str, bytes]]
    """Content type and body of a refusal."""
    seconds: float = MOST_SECONDS


def current_trace_id() -> str:
    """The trace id of the request that is being answered: 32 hexadecimal digits (W3C Trace Context, 3.2.2.3)."""
    return _trace_id.get()


def security_headers(*, strict_transport: str) -> HeaderList:
    """Build the headers of every answer (OWASP ASVS 5.0, chapter 3.4)."""
    return (
        (b"strict-transport-security", strict_transport.encode()),
        (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
        (b"cache-control", b"no-store"),
    )


class Edge:
    """Wraps an ASGI application; everything but HTTP and lifespan is closed."""

    def __init__(self, application: Application, policy: Policy) -> None:
        self._application = application
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        trace_id = _read_trace_id(scope["headers"])
        _trace_id.set(trace_id)
        structlog.contextvars.bind_contextvars(trace_id=trace_id)
        answer = _Answer(send, (*self._policy.headers, (b"x-trace-id", trace_id.encode())))
        try:
            if refused := self._refused(scope):
                await answer.refuse(refused, self._policy)
            else:
                await self._serve(scope, receive, answer)
        finally:
            _log.info(
                "request",
                method=scope["method"],
                path=scope["path"][:_MOST_LOGGED_PATH],
                status=answer.status,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
                client=(scope.get("client") or ("unknown",))[0],
            )

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            async with asyncio.timeout(self._policy.seconds):
                await self._application(scope, receive, answer)
        except TimeoutError:
            _log.warning("request took too long", seconds=self._policy.seconds)
            await answer.refuse(HTTPStatus.SERVICE_UNAVAILABLE, self._policy)
        except Exception:  # noqa: BLE001  # the last line of defence: whatever it was, the client gets an answer
            _log.exception("request failed outside of every handler")
            await answer.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, self._policy)

    def _refused(self, scope: Scope) -> HTTPStatus | None:
        if _host(scope["headers"]) not in self._policy.hosts:
            return HTTPStatus.MISDIRECTED_REQUEST
        if self._policy.methods is not None and scope["method"] not in self._policy.methods:
            return HTTPStatus.METHOD_NOT_ALLOWED
        if _content_length(scope["headers"]) > MOST_BODY_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return None


class _Answer:
    """The way back to the client: adds the headers that the application did not set, remembers the status."""

    def __init__(self, send: Send, headers: HeaderList) -> None:
        self._send = send
        self._headers = headers
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = [(name.lower(), value) for name, value in message["headers"]]
            names = {name for name, _ in given}
            missing = [header for header in self._headers if header[0] not in names]
            message = {**message, "headers": [*given, *missing]}
        await self._send(message)

    async def refuse(self, status: HTTPStatus, policy: Policy) -> None:
        """Answer with a refusal, unless an answer has begun: then it can only break off."""
        if self.status is not None:
            return
        content_type, body = policy.refusal(status)
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        if status is HTTPStatus.METHOD_NOT_ALLOWED and policy.methods:
            headers.append((b"allow", ", ".join(sorted(policy.methods)).encode()))
        await self({"type": "http.response.start", "status": int(status), "headers": headers})
        await self({"type": "http.response.body", "body": body})


def _read_trace_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Take the caller's trace id where its traceparent is valid, else begin a trace (W3C Trace Context, 4.3)."""
    given = [value for name, value in headers if name == b"traceparent"]
    match = _TRACEPARENT.fullmatch(given[0]) if len(given) == 1 else None
    if not match or match[1] == b"0" * 32 or match[2] == b"0" * 16:
        return secrets.token_hex(16)
    if match[3] and given[0].startswith(b"00"):  # version 00 has exactly four parts
        return secrets.token_hex(16)
    return match[1].decode()


def _host(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    given = {value for name, value in headers if name == b"host"}
    match = _HOST.fullmatch(given.pop().decode("latin1")) if len(given) == 1 else None
    return (match[1] or match[2]).lower() if match else None


def _content_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    given = [value for name, value in headers if name == b"content-length"]
    return max((int(value) for value in given if value.isdigit()), default=0)
