"""A pooler that hands out another database than was asked for, as `[databases] a = dbname=b` of PgBouncer does."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 65536


@contextmanager
def start_pooler(port: int, *, asked: str, given: str) -> Iterator[int]:
    """Pass connections on to a PostgreSQL of this machine, and answer the port on which that is done.

    Both names have the same length: the message that holds them begins with its own.
    """
    assert len(asked) == len(given)
    names = f"\0{asked}\0".encode(), f"\0{given}\0".encode()

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            client: socket.socket = self.request
            with socket.create_connection(("127.0.0.1", port)) as server:
                answers = threading.Thread(target=_pass_on, args=(server, client, (b"\0\0", b"\0\0")))
                answers.start()
                _pass_on(client, server, names)
                answers.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as pooler:
        thread = threading.Thread(target=pooler.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield int(pooler.server_address[1])
        pooler.shutdown()
        thread.join()


def _pass_on(source: socket.socket, target: socket.socket, names: tuple[bytes, bytes]) -> None:
    with suppress(OSError):  # either end may go first
        while piece := source.recv(_PIECE):
            target.sendall(piece.replace(*names))
        target.shutdown(socket.SHUT_WR)
