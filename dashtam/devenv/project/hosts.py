"""Which hosts beside this machine the value of a setting names."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

# A host stands behind // or, where a user is named, behind @.
_IN_URL: Final = re.compile(r"(?://(?:[^/@\s]*@)?|@)(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)")
_NAMES_A_HOST: Final = re.compile(
    r"\w*(?:HOST|HOSTS|HOSTNAME|SERVER|SERVERS|ENDPOINT|ADDR|ADDRESS)", re.IGNORECASE
)
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]{2,39}")
# Where databases are rented; a name that ends so is a host, whatever the setting is called.
_RENTED: Final = re.compile(
    r"(?<![A-Za-z0-9.-])((?:[A-Za-z0-9-]+\.)+(?:"
    r"amazonaws\.com|azure\.com|windows\.net|googleapis\.com|supabase\.(?:co|com|net)|neon\.tech|render\.com|"
    r"railway\.(?:app|internal)|rlwy\.net|fly\.dev|flycast|upstash\.io|redislabs\.com|redis-cloud\.com|rediscloud\.com|"
    r"aivencloud\.com|ondigitalocean\.com|cockroachlabs\.cloud|psdb\.cloud|timescale\.com|tsdb\.cloud|herokuapp\.com|"
    r"heroku\.com|elephantsql\.com|scaleway\.com|scw\.cloud|crunchybridge\.com|xata\.sh))(?![A-Za-z0-9.-])",
    re.IGNORECASE,
)
_OURS: Final = frozenset({"localhost", "postgres", "redis", "app", "callback"})


def find_distant_hosts(name: str, value: str) -> list[str]:
    """List the hosts that a setting names and that are neither this machine nor one of our containers."""
    return sorted({host for host in _find_hosts(name, value) if not _is_here(host)})


def _find_hosts(name: str, value: str) -> Iterator[str]:
    yield from (host.strip("[]") for host in _IN_URL.findall(value))
    yield from _RENTED.findall(value)
    if _NAMES_A_HOST.fullmatch(name):
        for part in re.split(r"[,\s]+", value):
            host = part.rpartition(":")[0] if part.count(":") == 1 else part
            if _HOST.fullmatch(host):
                yield host


def _is_here(host: str) -> bool:
    if host.lower() in _OURS:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
