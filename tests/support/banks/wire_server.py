"""A server that speaks HTTP/1.1 over TLS byte by byte, so that it can do what no framework would."""

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
    """What a client sent."""

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
        """The fields of the body, decoded once; each has to stand there once."""
        read = parse_qs(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body))
        assert all(len(values) == 1 for values in read.values()), read.keys()
        return {name: values[0] for name, values in read.items()}


@dataclass(frozen=True)
class Reply:
    """What a server says, and how."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before the first byte."""
    hangs_up_after: int | None = None
    """Bytes of the body after which the connection is closed."""
    repeats: int = 1
    """How often the body is sent."""


Answer = Callable[[Request], Reply]


@dataclass
class WireServer:
    """A running server, and all that it saw."""

    port: int
    answer: Answer
    host: str = "localhost"
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    bytes_sent: int = 0
    _talks: "set[asyncio.Task[None]]" = field(default_factory=set, repr=False)
    fault: Reply | None = None
    """Said instead of the answer, as long as it is set."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client until it leaves, or the server ends."""
        self.connections += 1
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            while request := await _read(reader):
                self.requests.append(request)
                if not await self._say(self.fault or self.answer(request), writer):
                    break
            writer.close()
            await writer.wait_closed()
        writer.transport.abort()
        self._talks.discard(talk)

    async def end(self) -> None:
        """Hang up on everybody, and return when nobody is talked to any more."""
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
    answer: Answer, certificates: Certificates, *, host: str = "localhost"
) -> AsyncIterator[WireServer]:
    """Serve on this machine until the end of the context."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.server, certificates.server_key)
    running = WireServer(0, answer, host)
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        await running.end()
