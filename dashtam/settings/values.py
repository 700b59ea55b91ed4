"""Parsers for settings whose value is a list: origins, networks, paths."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

MAX_PATH_CHARACTERS: Final = 200
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/?|/")
_STEPS: Final = frozenset({".", ".."})
_DEFAULT_PORTS: Final[Mapping[str, int]] = {"https": 443, "http": 80}


def parse_origins(text: str) -> frozenset[str]:
    """Parse comma-separated origins, each as a browser writes it: `https://host` or `https://host:port`.

    Raises:
        ValueError: a part is not an origin; `*` and `null` are refused.
    """
    origins = frozenset(part.strip() for part in text.split(",") if part.strip())
    if wrong := sorted(origin for origin in origins if not _is_origin(origin)):
        raise ValueError(
            f"{wrong[0][:80]!r} is not an origin; expected https://host or https://host:port, in lower case, "
            "without a path and without the default port"
        )
    return origins


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in _DEFAULT_PORTS or not host.isascii() or not host.strip("*."):
        return False
    shown = f"[{host}]" if ":" in host else host
    plain = f"{parts.scheme}://{shown}" if port is None else f"{parts.scheme}://{shown}:{port}"
    return text == plain and "*" not in host and port != _DEFAULT_PORTS[parts.scheme]


def parse_networks(text: str) -> tuple[Network, ...]:
    """Parse comma-separated IP addresses and networks.

    Raises:
        ValueError: names the part that is not valid.
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def parse_return_paths(text: str) -> frozenset[str]:
    """Parse comma-separated paths.

    A path must equal what a client sends. Syntax of RFC 3986 that browsers interpret differently (`//`, backslashes,
    dots, escapes, queries) is not needed, and is refused.

    Raises:
        ValueError: a path is not plain, or is too long.
    """
    paths = frozenset(part.strip() for part in text.split(",") if part.strip())
    for path in sorted(paths):
        if len(path) > MAX_PATH_CHARACTERS or not _PATH.fullmatch(path) or _STEPS & set(path.split("/")):
            raise ValueError(
                f"expected plain paths such as /docs, of at most {MAX_PATH_CHARACTERS} characters"
            )
    return paths
