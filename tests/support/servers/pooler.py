"""A pooler that connects to another database than requested, like `[databases] a = dbname=b` of PgBouncer."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 65536


@contextmanager
def start_pooler(port: int, *, asked: str, given: str) -> Iterator[int]:
    """Forward connections to a PostgreSQL of this machine, and yield the pooler's port.

    Both names must have the same length, because the startup message begins with its own length.
    """
    assert len(asked) == len(given)
    names = f"\0{asked}\0".encode(), f"\0{given}\0".encode()

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            client: socket.socket = self.request
            with socket.create_connection(("127.0.0.1", port)) as server:
                responses = threading.Thread(target=_pass_on, args=(server, client, (b"\0\0", b"\0\0")))
                responses.start()
                _pass_on(client, server, names)
                responses.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as pooler:
        thread = threading.Thread(target=pooler.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield int(pooler.server_address[1])
        pooler.shutdown()
        thread.join()


def _pass_on(source: socket.socket, target: socket.socket, names: tuple[bytes, bytes]) -> None:
    with suppress(OSError):  # either side may close first
        while piece := source.recv(_PIECE):
            target.sendall(piece.replace(*names))
        target.shutdown(socket.SHUT_WR)
