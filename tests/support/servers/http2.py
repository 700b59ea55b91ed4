"""An HTTP/2 client without manners: it sends what it is told, and shows how the server answered."""

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
    """What came back on one stream."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended_by: str = ""
    """`answer`, `reset` of the stream, `goaway` for the connection, or `hang-up` without a word."""


def exchange(
    served: Served, headers: Sequence[tuple[bytes, bytes]], *, body: Sequence[bytes] = (), end: bool = True
) -> Exchange:
    """Send the headers and parts of a body as they are, and read until the server has said all."""
    with _connected(served) as (secured, connection):
        connection.send_headers(1, headers, end_stream=end and not body)
        # A server may hang up in the middle of what it refuses; what it said before is read all the same.
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            secured.sendall(connection.data_to_send())
            for number, part in enumerate(body, 1):
                connection.send_data(1, part, end_stream=end and number == len(body))
                secured.sendall(connection.data_to_send())
        return _read(secured, connection)


Request = tuple[Sequence[tuple[bytes, bytes]], bytes]
"""Headers and body."""


def ask_together(served: Served, *rounds: Sequence[Request]) -> list[int | None]:
    """Send the requests of a round at once, each body to its end however it is answered; the statuses, in order.

    httpx is no client for this: where several of its requests wait for a window, one may read what opened another's.
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
                assert data, "the server hung up"
                for event in connection.receive_data(data):
                    if one := seen.get(getattr(event, "stream_id", None) or 0):
                        _note(event, one)
    return [one.status for one in seen.values()]


def _send_some(connection: h2.connection.H2Connection, stream: int, body: bytes) -> bytes:
    """Send what the windows take of a body; what is left of it."""
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
