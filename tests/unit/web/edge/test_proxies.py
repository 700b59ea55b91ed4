"""An address is believed as far as the proxies that passed it on are trusted."""

import pytest

from dashtam.settings.values import parse_networks
from dashtam.web.edge.proxies import real_client

TRUSTED = parse_networks("10.0.0.1, 192.168.0.0/16, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.7, 192.168.4.4"], "198.51.100.7"),
        ("10.0.0.1", ["192.168.4.4"], "192.168.4.4"),
        ("10.0.0.1", ["6.6.6.6, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.2", ["198.51.100.7"], "10.0.0.2"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("unix", ["198.51.100.7"], "unix"),
    ],
)
def test_the_nearest_address_that_no_trusted_proxy_has_is_the_client(
    peer: str, forwarded: list[str], client: str
) -> None:
    headers = [(b"host", b"localhost"), *((b"x-forwarded-for", value.encode()) for value in forwarded)]
    assert real_client(peer, headers, TRUSTED) == client


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert real_client("127.0.0.1", [(b"x-forwarded-for", b"6.6.6.6")], ()) == "127.0.0.1"


@pytest.mark.parametrize("text", ["example.com", "10.0.0.1/8", "10.0.0.0/33", "all"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # ipaddress words it
        parse_networks(text)
