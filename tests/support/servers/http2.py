"""An HTTP/2 client that does not follow the protocol: it sends anything, and records the server's reaction."""

import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import h2.config
import h2.connection
import h2.events

from tests.support.servers.served import Served

_SECONDS = 60.0


@dataclass
class Exchange:
    """The result of one stream."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended_by: str = ""
    """`answer` (a complete response), `reset` of the stream, `goaway` for the connection, or `hang-up`."""


def exchange(
    served: Served, headers: Sequence[tuple[bytes, bytes]], *, body: Sequence[bytes] = (), end: bool = True
) -> Exchange:
    """Send the headers and the parts of a body unchanged, and read until the exchange ends."""
    with _connected(served) as (secured, connection):
        connection.send_headers(1, headers, end_stream=end and not body)
        # A server may close the connection while it refuses a request; its earlier data is still read.
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            secured.sendall(connection.data_to_send())
            for number, part in enumerate(body, 1):
                connection.send_data(1, part, end_stream=end and number == len(body))
                secured.sendall(connection.data_to_send())
        return _read(secured, connection)


Request = tuple[Sequence[tuple[bytes, bytes]], bytes]
"""The headers and the body."""


def ask_together(served: Served, *rounds: Sequence[Request]) -> list[int | None]:
    """Send each round of requests at once, with whole bodies despite early responses; return all statuses in order.

    httpx cannot do this: of several requests that wait for a window, one may consume the update meant for another.
    """
    seen: dict[int, Exchange] = {}
    with _connected(served) as (secured, connection):
        for requests in rounds:
            left = {}
            for headers, body in requests:
                stream = connection.get_next_available_stream_id()
                connection.send_headers(stream, headers, end_stream=not body)
                seen[stream], left[stream] = Exchange(), body
            while True:
                left = {stream: _send_some(connection, stream, body) for stream, body in left.items()}
                secured.sendall(connection.data_to_send())
                if not any(left.values()) and all(one.ended_by for one in seen.values()):
                    break
                data = secured.recv(65_536)
                assert data, "the server closed the connection"
                for event in connection.receive_data(data):
                    if one := seen.get(getattr(event, "stream_id", None) or 0):
                        _note(event, one)
    return [one.status for one in seen.values()]


def _send_some(connection: h2.connection.H2Connection, stream: int, body: bytes) -> bytes:
    """Send as much of a body as the windows allow, and return the rest."""
    while body:
        window = connection.local_flow_control_window(stream)
        size = min(len(body), window, connection.max_outbound_frame_size)
        if size <= 0:
            return body
        connection.send_data(stream, body[:size], end_stream=size == len(body))
        body = body[size:]
    return body


@contextlib.contextmanager
def _connected(served: Served) -> Iterator[tuple[ssl.SSLSocket, h2.connection.H2Connection]]:
    context = served.context()
    context.set_alpn_protocols(["h2"])
    configuration = h2.config.H2Configuration(
        validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None
    )
    connection = h2.connection.H2Connection(configuration)
    with (
        socket.create_connection(("localhost", served.port), timeout=_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        connection.initiate_connection()
        yield secured, connection


def _read(secured: ssl.SSLSocket, connection: h2.connection.H2Connection) -> Exchange:
    seen = Exchange()
    while not seen.ended_by:
        try:
            data = secured.recv(65_536)
        except (ConnectionError, ssl.SSLEOFError):
            data = b""
        if not data:
            return replace(seen, ended_by="hang-up")
        for event in connection.receive_data(data):
            _note(event, seen)
    return seen


def _note(event: h2.events.Event, seen: Exchange) -> None:
    if isinstance(event, h2.events.ResponseReceived):
        seen.headers = {bytes(name).decode(): bytes(value).decode() for name, value in event.headers or ()}
        seen.status = int(seen.headers[":status"])
    elif isinstance(event, h2.events.DataReceived):
        seen.body += event.data or b""
    elif isinstance(event, h2.events.StreamEnded):
        seen.ended_by = "answer"
    elif isinstance(event, h2.events.StreamReset):
        seen.ended_by = "reset"
    elif isinstance(event, h2.events.ConnectionTerminated):
        seen.ended_by = "goaway"
