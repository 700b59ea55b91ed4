"""Which addresses a stranger may have us call."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.outgoing.reachable import find_wrong, is_public

PUBLIC = [
    "93.184.215.14",
    "8.8.8.8",
    "2606:4700::1111",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
    "2002:808:808::1",
]
NOT_PUBLIC = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.0.0.8", "192.88.99.1"),
    *("224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "fec0::1", "100::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b:1::a00:1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2001:0:7f00:1::1", "3fff::1", "5f00::1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_called(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_address_is_called(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_in_the_clothes_of_another_is_as_public_as_it_is(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    for outer in (
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x0064_FF9B << 96) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1),
    ):
        assert is_public(inner) or not is_public(outer)


@given(st.ip_addresses())
def test_what_python_knows_as_private_is_never_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(address) and getattr(address, "ipv4_mapped", None) is None:
        assert address.is_global
        assert not any((address.is_loopback, address.is_link_local, address.is_multicast))


@pytest.mark.parametrize(
    "url",
    ["https://bridge.simplefin.org/claim/x", "https://bank.example.com:8443/a?b=c", "https://a-b.example/"],
)
def test_a_full_name_over_https_is_taken(url: str) -> None:
    assert find_wrong(url) is None


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://bank.example.com/",
            "ftp://bank.example.com/",
            "//bank.example.com",
            "bank.example.com",
            "",
        ),
        *(
            "HTTPS:bank.example.com",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https:///claim",
            "https://",
        ),
        *(
            "https://user@bank.example.com/",
            "https://user:pass@bank.example.com/",
            "https://@bank.example.com/",
        ),
        *("https://bank.example.com@127.0.0.1/", "https://127.0.0.1#@bank.example.com/"),
        *(
            "https://bank.example.com\\@127.0.0.1/",
            "https://bank.example.com/\n",
            "https://bank .example.com",
        ),
        *(
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
        ),
        *(
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fe80::1%25eth0]/",
            "https://169.254.169.254/",
        ),
        *(
            "https://8.8.8.8/",
            "https://localhost/",
            "https://intranet/",
            "https://localhost./",
            "https://.example.com",
        ),
        *("https://bank.example.com:0/", "https://bank.example.com:x/", "https://bank.example.com:99999/"),
        *("https://bänk.example.com/", "https://bank.example.com/#x", "https://ba%6ek.example.com/"),
        *(
            "https://127.0.0.1.",
            "https://a.0x7f/",
            "https://bank_x.example.com/",
            "https://" + "a" * 3000 + ".com/",
        ),
    ],
)
def test_whatever_only_looks_like_it_is_not(url: str) -> None:
    assert find_wrong(url)
    assert url not in str(find_wrong(url)) or len(url) < 9


def test_this_machine_is_taken_where_one_develops() -> None:
    assert find_wrong("https://localhost:8443/claim/x", allows_local=True) is None
    assert find_wrong("https://127.0.0.1:8443/claim/x", allows_local=True) is None
    for url in ("http://localhost/", "https://10.0.0.1/", "https://u@localhost/", "https://[::1]/"):
        assert find_wrong(url, allows_local=True)
