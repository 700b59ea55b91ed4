"""Serves an application over TLS in the event loop of the test, on its own port."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart

from dashtam.devenv.project.certificates import Certificates
from tests.support.servers.ports import free_ports

_SECONDS = 30.0


@dataclass
class Hold:
    """A gate that a test closes, to see what happens while requests wait."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _opened: asyncio.Event = field(default_factory=asyncio.Event)
    is_closed: bool = False

    def close(self) -> None:
        """Hold the requests that arrive from now on."""
        self.is_closed = True
        self.reached.clear()
        self._opened.clear()

    def open(self) -> None:
        """Release all requests."""
        self.is_closed = False
        self._opened.set()

    async def passed(self) -> None:
        """Wait while the gate is closed."""
        self.reached.set()
        if self.is_closed:
            async with asyncio.timeout(_SECONDS):
                await self._opened.wait()


def trusting(certificates: Certificates) -> ssl.SSLContext:
    """Return a context that trusts only the local authority."""
    return ssl.create_default_context(cafile=certificates.authority)


@asynccontextmanager
async def serving_here(
    app: Quart, certificates: Certificates, *, port: int | None = None
) -> AsyncIterator[int]:
    """Serve until the end of the context; yields the port once it accepts connections."""
    port = port or free_ports(1)[0]
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile = str(certificates.server), str(certificates.server_key)
    config.errorlog, config.graceful_timeout = None, 1.0
    ended = asyncio.Event()
    server = asyncio.create_task(serve(app, config, shutdown_trigger=ended.wait))
    try:
        await _await_port(port, server)
        yield port
    finally:
        ended.set()
        await server


async def _await_port(port: int, server: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(_SECONDS):
        while not server.done():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
    server.result()
    raise AssertionError("the server ended before it accepted a connection")
