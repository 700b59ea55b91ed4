"""Ports of this machine: free ones are found, and the holder of a busy one is named."""

import os
import socket

import pytest

from dashtam.devenv.project.ports import find_port_holder
from tests.support.servers.ports import free_ports


def test_a_free_port_has_no_holder() -> None:
    assert find_port_holder(free_ports(1)[0]) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_the_holder_of_a_port_is_named_with_its_pid_and_command(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        holder = find_port_holder(server.getsockname()[1])

    assert holder is not None
    assert holder.startswith(f"pid {os.getpid()} (")
