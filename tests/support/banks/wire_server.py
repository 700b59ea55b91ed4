"""A server that writes HTTP/1.1 over TLS byte by byte, so that it can violate the protocol."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from dashtam.devenv.project.certificates import Certificates

_PART = 65_536


@dataclass(frozen=True)
class Request:
    """A received request."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def form(self) -> dict[str, str]:
        """The fields of the body, decoded once; each must occur once."""
        read = parse_qs(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body))
        assert all(len(values) == 1 for values in read.values()), read.keys()
        return {name: values[0] for name, values in read.items()}


@dataclass(frozen=True)
class Reply:
    """A response, and how it is sent."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before the first byte."""
    hangs_up_after: int | None = None
    """The number of bytes of the body after which the connection is closed."""
    repeats: int = 1
    """How often the body is sent."""


Handler = Callable[[Request], Reply]


@dataclass
class WireServer:
    """A running server, and everything that it received."""

    port: int
    handler: Handler
    host: str = "localhost"
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    bytes_sent: int = 0
    _talks: "set[asyncio.Task[None]]" = field(default_factory=set, repr=False)
    fault: Reply | None = None
    """Sent instead of the handler's reply while it is set."""

    @property
    def url(self) -> str:
        """The origin of the server."""
        return f"https://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it disconnects or the server ends."""
        self.connections += 1
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            while request := await _read(reader):
                self.requests.append(request)
                if not await self._say(self.fault or self.handler(request), writer):
                    break
            writer.close()
            await writer.wait_closed()
        writer.transport.abort()
        self._talks.discard(talk)

    async def end(self) -> None:
        """Close all connections, and return when they have ended."""
        talks = list(self._talks)
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks)

    async def _say(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(reply.delay)
        size = len(reply.body) * reply.repeats
        headers = {"Content-Length": str(size), **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        for _ in range(reply.repeats):
            part = reply.body if reply.hangs_up_after is None else reply.body[: reply.hangs_up_after]
            writer.write(part)
            self.bytes_sent += len(part)
            await writer.drain()
            if reply.hangs_up_after is not None:
                return False
        return True


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


@asynccontextmanager
async def wire_server(
    handler: Handler, certificates: Certificates, *, host: str = "localhost"
) -> AsyncIterator[WireServer]:
    """Serve on this machine until the end of the context."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.server, certificates.server_key)
    running = WireServer(0, handler, host)
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        await running.end()
