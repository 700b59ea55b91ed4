"""Runs a program where the network never changes: in a namespace that holds a loopback and a few ports of ours.

Chromium drops what it is loading when an address of the machine comes or goes (ERR_NETWORK_CHANGED), and one does
whenever a container starts or stops, of this project or of another. A socket stays in the network that it was made in,
so those that listen in the new one are handed out to us, and what comes in there is carried to the ports out here.
"""

import asyncio
import os
import shlex
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from tests.mutation.fence import NoFence, separate_network
from tests.support.checkout import CHECKOUT

_HOST: Final = "127.0.0.1"
_CHUNK: Final = 65_536


@contextmanager
def in_own_network(program: str, ports: Sequence[int]) -> Iterator[Path]:
    """A program that runs another in a network of its own, where the ports lead to the same ports of this machine.

    Where nobody may make a network, as without root, it runs in that of the machine.
    """
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{name}/door")
        door.listen()
        wrapper = Path(name, "program")
        words = [sys.executable, "-m", __name__, f"{name}/door", ",".join(map(str, ports)), program]
        wrapper.write_text(
            f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(CHECKOUT))} exec {shlex.join(words)} "$@"\n'
        )
        wrapper.chmod(0o700)
        with _carrying(door, ports):
            yield wrapper


@contextmanager
def _carrying(door: socket.socket, ports: Sequence[int]) -> Iterator[None]:
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None] | None]] = Future()

    async def carry() -> None:
        started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        await _carry_all(door, ports)

    def run() -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(carry())

    thread = threading.Thread(target=run)
    thread.start()
    loop, task = started.result()
    assert task is not None
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


async def _carry_all(door: socket.socket, ports: Sequence[int]) -> None:
    """Take the listening sockets of each program that starts, and carry what comes in to the ports of this machine."""
    door.setblocking(False)
    servers: list[asyncio.Server] = []
    try:
        while True:
            inside, _ = await asyncio.get_running_loop().sock_accept(door)
            with inside:
                inside.setblocking(True)
                _, descriptors, *_ = await asyncio.to_thread(socket.recv_fds, inside, 1, len(ports))
            for port, descriptor in zip(ports, descriptors, strict=False):
                listening = socket.socket(fileno=descriptor)
                servers.append(await asyncio.start_server(partial(_carry, port), sock=listening))
    finally:
        for server in servers:
            server.close()


async def _carry(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        outside_reader, outside_writer = await asyncio.open_connection(_HOST, port)
        await asyncio.gather(_copy(reader, outside_writer), _copy(outside_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass  # either end may vanish, as a browser does that is closed
    finally:
        writer.close()


def _enter(door: str, ports: Sequence[int]) -> None:
    with suppress(NoFence), socket.socket(socket.AF_UNIX) as outside:
        outside.connect(door)
        separate_network()
        listening = [socket.create_server((_HOST, port)) for port in ports]
        socket.send_fds(outside, [b"."], [one.fileno() for one in listening])


def main(door: str, ports: str, program: str, *arguments: str) -> None:
    """Become the program, in a network of its own where that can be."""
    _enter(door, [int(port) for port in ports.split(",")])
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
