"""Who really sent a request that a trusted proxy passed on."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from dashtam.settings.values import Network


def real_client(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: Sequence[Network]) -> str:
    """The address behind trusted proxies; the peer itself where it is no such proxy, whatever it claims.

    Each proxy appends whom it heard from to X-Forwarded-For, so the list is read from its end, as far as it is
    trusted: what stands before may have been written by anybody. Hypercorn's ProxyFixMiddleware counts hops and asks
    nobody who they are, so whoever reaches the server directly could choose an address.
    """
    client = peer
    hops = [part.strip() for name, value in headers if name == b"x-forwarded-for" for part in _parts(value)]
    while hops and _is_trusted(client, trusted):
        nearest = hops.pop()
        if not _is_address(nearest):
            break
        client = nearest
    return client


def _parts(value: bytes) -> list[str]:
    return value.decode("latin1").split(",")


def _is_trusted(client: str, trusted: Sequence[Network]) -> bool:
    return bool(trusted) and _is_address(client) and any(ip_address(client) in network for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
