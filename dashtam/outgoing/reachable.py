"""Which addresses of the Internet a stranger may have us call: public ones, and nothing that only looks public."""

import ipaddress
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# NAT64 (RFC 6052): the last 32 bits are an IPv4 address, as a gateway of the network reads them.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
# No place of the public Internet, whatever the tables of this Python say: those of 3.11 end in 2023.
_SPECIAL: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # relays of 6to4, withdrawn (RFC 7526)
        "168.63.129.16/32",  # the inside of Azure
        "fec0::/10",  # site-local, withdrawn (RFC 3879)
        "64:ff9b:1::/48",  # NAT64 of a local network (RFC 8215)
        "3fff::/20",  # documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
    )
)
_MAX_CHARACTERS: Final = 2048
_HOST_SIGNS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")


def is_public(address: IpAddress) -> bool:
    """Whether an address, and every IPv4 address within it, is one of the public Internet."""
    return all(_is_public(found) for found in _readings(address))


def find_wrong(url: str, *, allows_local: bool = False) -> str | None:
    """Say why a URL that a user brought is not called; None where nothing speaks against it yet.

    What its name stands for is looked at when it is connected to. `allows_local`: of development and testing, where
    the server may be this machine.
    """
    if len(url) > _MAX_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "it is no plain URL"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "it is no plain URL"
    if parts.scheme != "https":
        return f"its scheme is {parts.scheme[:10]!r}; expected https"
    if "@" in parts.netloc:
        return "it holds a user or a password"
    if "#" in url:
        return "it has a fragment"
    if port == 0 or not host or not set(host) <= _HOST_SIGNS or host != host.strip(".-"):
        return "it names no host"
    if allows_local and host in {"localhost", "127.0.0.1"}:
        return None
    # The last label of a name is never a number (RFC 3696, 2): what has one is an address in some spelling.
    if host.rpartition(".")[2].startswith(tuple("0123456789")) or "." not in host:
        return "it names an address or a machine of a local network; expected a full host name"
    return None


def _readings(address: IpAddress) -> Iterator[IpAddress]:
    """An address, and what tunnels and gateways make of it."""
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address in _COMPATIBLE or address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)


def _is_public(address: IpAddress) -> bool:
    if any(address.version == network.version and address in network for network in _SPECIAL):
        return False
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped is not None or address in _NAT64):
        return True  # as public as what it stands for, which is asked for itself
    return address.is_global and not address.is_multicast
