"""An HTTP/2 client without manners: it sends what it is told, and shows how the server answered."""

import contextlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import h2.config
import h2.connection
import h2.events

from tests.support.served import Served

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
        connection.send_headers(1, headers, end_stream=end and not body)
        # A server may hang up in the middle of what it refuses; what it said before is read all the same.
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            secured.sendall(connection.data_to_send())
            for number, part in enumerate(body, 1):
                connection.send_data(1, part, end_stream=end and number == len(body))
                secured.sendall(connection.data_to_send())
        return _read(secured, connection)


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
