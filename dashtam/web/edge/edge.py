"""The outermost layer of both servers: trace, host, size and time limits, security headers, sharing, access log.

It wraps the whole ASGI application, so what it promises holds for every answer, also for those that no handler makes.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import structlog

from dashtam.logs.pipeline import get_logger
from dashtam.settings.values import Network
from dashtam.web.edge.cors import PREFLIGHT_STATUS, answer_headers, preflight_headers
from dashtam.web.edge.proxies import real_client

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
HeaderList = tuple[tuple[bytes, bytes], ...]

MAX_BODY_BYTES: Final = 65_536
MAX_TARGET_BYTES: Final = 8_192
"""Of path and query together; RFC 9110, 4.1 asks for 8000 at least."""
MAX_HEADER_BYTES: Final = 16_384
MAX_SECONDS: Final = 30.0
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_ABSOLUTE_FORM: Final = re.compile(rb"https?://([^/?#]*)(/.*)?", re.IGNORECASE | re.DOTALL)
_HOST: Final = re.compile(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|([^:\[\]]+)(?::\d+)?")
_MAX_LOGGED_PATH: Final = 256
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
    seconds: float = MAX_SECONDS
    proxies: tuple[Network, ...] = ()
    """Whose word about who their client is counts."""
    target_bytes: int = MAX_TARGET_BYTES
    origins: frozenset[str] = frozenset()
    """Whose pages may read the answers, beside our own."""


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
            await self._answer(_in_origin_form(self._behind_proxies(scope)), receive, send)
        elif "websocket.http.response" in scope.get("extensions", {}):
            headers, body = self.refuse_unread(HTTPStatus.FORBIDDEN)
            start = {"status": int(HTTPStatus.FORBIDDEN), "headers": list(headers)}
            await send({"type": "websocket.http.response.start", **start})
            await send({"type": "websocket.http.response.body", "body": body})
        else:
            await send({"type": "websocket.close", "code": 1008})

    def refuse_unread(self, status: HTTPStatus) -> tuple[HeaderList, bytes]:
        """Headers and body for a request that no application sees, because the server cannot read it."""
        trace_id = _begin(())
        _log.info("request refused unread", status=int(status))
        headers, body = _refusal(status, self._policy)
        return (*headers, *self._policy.headers, (b"x-trace-id", trace_id.encode())), body

    def _behind_proxies(self, scope: Scope) -> Scope:
        """Put the client whom a trusted proxy names in the place of the proxy, for whatever asks for it later."""
        peer = scope.get("client")
        if not peer or not self._policy.proxies:
            return scope
        return {**scope, "client": (real_client(peer[0], scope["headers"], self._policy.proxies), peer[1])}

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        trace_id = _begin(scope["headers"])
        dress = (*self._policy.headers, (b"x-trace-id", trace_id.encode()))
        answer = _Response(send, dress, answer_headers(self._policy.origins, scope["headers"]))
        preflight = preflight_headers(self._policy.origins, scope["method"], scope["headers"])
        try:
            if refused := self._refused(scope):
                await answer.refuse(refused, self._policy)
            elif preflight is not None:
                await answer.permit(preflight)
            else:
                await self._serve(scope, receive, answer)
        finally:
            _log.info(
                "request",
                method=scope["method"],
                path=scope["path"][:_MAX_LOGGED_PATH],
                status=answer.status,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
                client=(scope.get("client") or ("unknown",))[0],
            )

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Response") -> None:
        try:
            async with asyncio.timeout(self._policy.seconds):
                await self._application(scope, receive, answer)
        except TimeoutError:
            _log.warning("request took too long", seconds=self._policy.seconds)
            await answer.refuse(HTTPStatus.SERVICE_UNAVAILABLE, self._policy)
        except Exception as error:  # noqa: BLE001  # the last line of defence: the client gets an answer
            if answer.status is not None and isinstance(error, OSError):
                # TLS tells so, among others, when the client hangs up on its answer.
                _log.warning("answer broke off", reason=f"{type(error).__name__}: {error}")
                return
            _log.exception("request failed outside of every handler")
            await answer.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, self._policy)

    def _refused(self, scope: Scope) -> HTTPStatus | None:
        headers = scope["headers"]
        target = len(scope.get("raw_path") or scope["path"].encode()) + len(scope.get("query_string", b""))
        refusals = {
            HTTPStatus.BAD_REQUEST: not scope["path"].startswith("/") or "\0" in scope["path"],
            HTTPStatus.MISDIRECTED_REQUEST: _host(headers) not in self._policy.hosts,
            HTTPStatus.METHOD_NOT_ALLOWED: (
                self._policy.methods is not None and scope["method"] not in self._policy.methods
            ),
            HTTPStatus.REQUEST_URI_TOO_LONG: target > self._policy.target_bytes,
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: _size(headers) > MAX_HEADER_BYTES,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _content_length(headers) > MAX_BODY_BYTES,
        }
        return next((status for status, is_so in refusals.items() if is_so), None)


def _begin(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Begin or go on with the trace of a request, for whatever is logged and answered from here on."""
    trace_id = _read_trace_id(headers)
    _trace_id.set(trace_id)
    structlog.contextvars.bind_contextvars(trace_id=trace_id)
    return trace_id


def _in_origin_form(scope: Scope) -> Scope:
    """Read `GET https://host/path` as `GET /path` with that host (RFC 9112, 3.2.2)."""
    match = _ABSOLUTE_FORM.fullmatch(scope.get("raw_path") or b"")
    if match is None:
        return scope
    headers = [header for header in scope["headers"] if header[0] != b"host"]
    raw_path = match[2] or b"/"
    path = unquote(raw_path.decode("latin1"))
    return {**scope, "headers": [(b"host", match[1]), *headers], "raw_path": raw_path, "path": path}


def _refusal(status: HTTPStatus, policy: Policy) -> tuple[HeaderList, bytes]:
    content_type, body = policy.refusal(status)
    allow = b", ".join(sorted(method.encode() for method in policy.methods or ()))
    is_told = status is HTTPStatus.METHOD_NOT_ALLOWED and policy.methods
    return (
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *(((b"allow", allow),) if is_told else ()),
    ), body


class _Response:
    """The way back to the client: adds the headers that the application did not set, remembers the status."""

    def __init__(self, send: Send, headers: HeaderList, sharing: Sequence[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._headers = headers
        self._sharing = sharing
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = [(name.lower(), value) for name, value in message["headers"]]
            names = {name for name, _ in given}
            missing = [header for header in self._headers if header[0] not in names]
            message = {**message, "headers": [*given, *missing, *self._sharing]}
        await self._send(message)

    async def refuse(self, status: HTTPStatus, policy: Policy) -> None:
        """Answer with a refusal, unless an answer has begun: then it can only break off."""
        if self.status is not None:
            return
        headers, body = _refusal(status, policy)
        await self({"type": "http.response.start", "status": int(status), "headers": headers})
        await self({"type": "http.response.body", "body": body})

    async def permit(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Answer a preflight."""
        await self({"type": "http.response.start", "status": int(PREFLIGHT_STATUS), "headers": headers})
        await self({"type": "http.response.body", "body": b""})


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


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + len(": \r\n") for name, value in headers)


def _content_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    given = [value for name, value in headers if name == b"content-length"]
    return max((int(value) for value in given if value.isdigit()), default=0)
