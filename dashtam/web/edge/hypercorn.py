"""Mends what hypercorn 0.18 does by itself with a request, before and after any application sees it."""

from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from itertools import chain

import h2.errors
import h2.events
import h11
import hypercorn.asyncio.run
import hypercorn.protocol
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol

from dashtam.web.edge.edge import Edge


class Http1(H11Protocol):
    """Refuses in our words what cannot be read, and knows no upgrades."""

    async def _send_error_response(self, status_code: int) -> None:
        edge = getattr(getattr(self.app, "app", None), "asgi_app", None)
        if not isinstance(edge, Edge):
            await super()._send_error_response(status_code)
            return
        ours, body = edge.refuse_unread(HTTPStatus(status_code))
        headers = list(chain(ours, [(b"connection", b"close")], self.config.response_headers("h11")))
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())

    async def _check_protocol(self, event: h11.Request) -> None:
        """Ignore an upgrade to HTTP/2, as RFC 9113, 3.1 asks; TLS has settled the protocol."""

    async def _create_stream(self, request: h11.Request) -> None:
        """Answer an upgrade as the plain request that it is (RFC 9110, 7.8).

        hypercorn would keep the connection of a malformed WebSocket handshake for ever.
        """
        headers = [(name, value) for name, value in request.headers if name.lower() != b"upgrade"]
        plain = h11.Request(
            method=request.method, target=request.target, headers=headers, http_version=request.http_version
        )
        await super()._create_stream(plain)


class Http2(H2Protocol):
    """Keeps a connection, and all other streams on it, where hypercorn loses it over one."""

    async def _handle_events(self, events: Sequence[h2.events.Event]) -> None:
        for event in events:
            if isinstance(event, h2.events.DataReceived) and event.stream_id not in self.streams:
                # The rest of a body whose request was answered before it was read.
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.RequestReceived) and not _has_ascii_path(event):
                self.connection.reset_stream(event.stream_id, h2.errors.ErrorCodes.PROTOCOL_ERROR)
            else:
                await super()._handle_events([event])
        await self._flush()


class Connection(TCPServer):
    """Lets a peer go that vanished, or that holds up the end of the server."""

    async def _initiate_server_close(self) -> None:
        await super()._initiate_server_close()
        self._limit_goodbye()

    async def _close(self) -> None:
        """Close without an error in the log where the peer never answers that TLS ends (RFC 8446, 6.1)."""
        self._limit_goodbye()
        with suppress(TimeoutError):
            await super()._close()

    def _limit_goodbye(self) -> None:
        """When the server ends, wait for that answer no longer than for a request.

        A client that keeps a connection for later reads nothing meanwhile; ours to the sandbox is one, in this very
        process. asyncio would give each of them half a minute, which is more than whoever stops us does.
        """
        if self.context.terminated.is_set():
            self.loop.call_later(self.config.graceful_timeout, self.writer.transport.abort)


def _has_ascii_path(request: h2.events.RequestReceived) -> bool:
    return all(value.isascii() for name, value in request.headers or () if name == b":path")


def install() -> None:
    """Make hypercorn use these in this process; its command line has no option for that."""
    hypercorn.protocol.H11Protocol = Http1  # type: ignore[attr-defined]
    hypercorn.protocol.H2Protocol = Http2  # type: ignore[attr-defined]
    hypercorn.asyncio.run.TCPServer = Connection  # type: ignore[attr-defined]
    # A queue that is full when its request has been answered holds up the whole connection for ever, because nobody
    # reads it any more. Until then Quart reads all that comes, and drops what is beyond MAX_BODY_BYTES.
    Config.max_app_queue_size = 0
