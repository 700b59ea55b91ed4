"""A peer that goes away without a word is no error of ours, and leaves none in the log."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config

from dashtam.devenv.project.certificates import Certificates, ensure_certificates
from dashtam.web.edge.hypercorn import Connection


async def _app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # as hypercorn types it, in ten unions
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _ask_and_fall_silent(port: int, made: Certificates) -> ssl.SSLSocket:
    """Send a request, and look at nothing that comes."""
    context = ssl.create_default_context(cafile=made.authority)
    secured = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
    secured.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return secured


async def test_a_peer_that_never_says_goodbye_is_let_go_without_an_error(tmp_path: Path) -> None:
    ensure_certificates(tmp_path)
    made, loop = Certificates(tmp_path), asyncio.get_running_loop()
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(made.server, made.server_key)
    handler: asyncio.Future[asyncio.Task[Any] | None] = loop.create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler.set_result(asyncio.current_task())
        await Connection(ASGIWrapper(_app), loop, Config(), WorkerContext(None), {}, reader, writer)

    async with await asyncio.start_server(
        serve, "127.0.0.1", 0, ssl=ours, ssl_shutdown_timeout=0.2
    ) as server:
        port = server.sockets[0].getsockname()[1]
        with await asyncio.to_thread(_ask_and_fall_silent, port, made):
            task = await handler
            assert task is not None
            await asyncio.wait({task}, timeout=60)
    assert task.done()
    assert task.exception() is None
