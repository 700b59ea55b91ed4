"""The sockets of outgoing calls: the policy judges the same IP address that is connected to."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import httpcore

from dashtam.outgoing.errors import CallFailed, Cause
from dashtam.outgoing.reachable import IpAddress
from dashtam.settings.addresses import is_loopback

Place = tuple[str, int]
Judge = Callable[[str, IpAddress], str | None]
"""Returns why an address of a host is refused; None if it is allowed."""
LookUp = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host."""
_MAX_ADDRESSES: Final = 4


class Network(httpcore.AsyncNetworkBackend):
    """Looks a name up once, judges every address, and connects only to those addresses.

    A name that resolves differently a moment later (DNS rebinding) has no effect, because it is not looked up again.
    `instead` maps a host and port to another, as `curl --connect-to` does; the certificate must still name the host.
    """

    def __init__(
        self, judge: Judge, *, instead: Mapping[Place, Place] | None = None, look_up: LookUp | None = None
    ) -> None:
        self._judge = judge
        self._instead = dict(instead or {})
        self._look_up = look_up or ask_system
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore calls it so
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that accepts the connection.

        Raises:
            CallFailed: the policy forbids one of the host's addresses.
            httpcore.ConnectError: no address accepts the connection.
        """
        host, port = self._instead.get((host, port), (host, port))
        addresses = await self._find(host, port, timeout)
        for address in addresses:
            if wrong := self._judge(host, ipaddress.ip_address(address.partition("%")[0])):
                raise CallFailed(f"{host}: {wrong}", cause=Cause.REFUSED)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                return await self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:  # noqa: ANN401
        """Refuse: outgoing calls use TCP only."""
        raise CallFailed("a unix socket is refused; expected TCP", cause=Cause.REFUSED)

    async def sleep(self, seconds: float) -> None:
        """Wait before httpcore retries."""
        await self._sockets.sleep(seconds)

    async def _find(self, host: str, port: int, seconds: float | None) -> list[str]:
        try:
            async with asyncio.timeout(seconds):
                return list(dict.fromkeys(await self._look_up(host, port)))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not found in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} was not found") from error


async def ask_system(host: str, port: int) -> list[str]:
    """Return the addresses of a host from the system's resolver.

    Raises:
        OSError: the resolver knows no address.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Fence:
    """The judge of the testing environment (DISABLE_EXTERNAL_CALLS): allows this machine, and components by name."""

    def __init__(self, components: Iterable[str]) -> None:
        self._components = frozenset(components)

    def __call__(self, host: str, address: IpAddress) -> str | None:
        """Return why a call would leave the environment; None if it stays."""
        if address.is_loopback or (host in self._components and not is_loopback(host)):
            return None
        return f"{address} is not on this machine, and DISABLE_EXTERNAL_CALLS is on"
