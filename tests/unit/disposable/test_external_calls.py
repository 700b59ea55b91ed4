"""No test reaches another machine."""

import asyncio
import socket

import pytest

from tests.support.network import ExternalCall


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("8.8.8.8", 53), ("2001:db8::1", 443)])
def test_a_connection_to_another_machine_is_refused(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as connecting, pytest.raises(ExternalCall, match="is not on this machine"):
        connecting.connect(address)


def test_a_datagram_to_another_machine_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending, pytest.raises(ExternalCall):
        sending.sendto(b"x", ("192.0.2.1", 53))


@pytest.mark.parametrize(
    "name", ["example.com", b"example.com", "localhost.example.com", "127.0.0.1.example.com"]
)
def test_a_name_of_another_machine_is_not_even_looked_up(name: str | bytes) -> None:
    with pytest.raises(ExternalCall):
        socket.getaddrinfo(name, 443)


async def test_the_event_loop_is_no_way_around() -> None:
    with pytest.raises(ExternalCall):
        await asyncio.open_connection("192.0.2.1", 80)


def test_this_machine_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
