"""Refuses every connection that would leave this machine."""

import ipaddress
import socket
import sys
from collections.abc import Iterable
from typing import Any, Final

_LOCAL_NAMES: Final = {"localhost", "", None}


class ExternalCall(RuntimeError):
    """A test tried to reach another machine while DISABLE_EXTERNAL_CALLS is on."""


def refuse_external_calls(hosts: Iterable[str]) -> None:
    """Allow this machine and the named hosts, and nothing else, for the rest of this process.

    The hosts are those of PostgreSQL and Redis, which are other containers on the compose engine. An audit hook
    cannot be removed, and no library can go around it: every socket of this interpreter reports here.
    """
    allowed = {*hosts}
    for host in tuple(allowed):
        allowed.update(str(entry[4][0]) for entry in socket.getaddrinfo(host, None))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            _check_address(arguments[0], arguments[1], allowed)
        elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            _check_host(arguments[0], allowed)

    sys.addaudithook(hook)


def _check_address(connecting: socket.socket, address: object, allowed: set[str]) -> None:
    if connecting.family in {socket.AF_INET, socket.AF_INET6} and isinstance(address, tuple):
        _check_host(address[0], allowed)


def _check_host(host: object, allowed: set[str]) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name in _LOCAL_NAMES or name in allowed or _is_loopback(str(name)):
        return
    raise ExternalCall(
        f"{name} is not on this machine, and DISABLE_EXTERNAL_CALLS is on; use a fake in tests/support"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
