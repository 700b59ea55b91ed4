"""Remembers every secret of a run, and looks for each of them, however spelt, wherever something is written."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from redis import Redis

from dashtam.devenv.components import Mode
from tests.support.projects.project import ThrowawayProject
from tests.support.servers.redis_data import copied_data

_SHORTEST: Final = 12
_OF_THE_BANK: Final = b":sandbox:consent:"
"""What the sandbox bank was asked for by the browser's address, which holds the state; a real bank knows it too."""
_HEX: Final = re.compile(r"\\x([0-9a-f]{2,})")


@dataclass
class Canaries:
    """Secrets by name; their values are never shown, since a failing test is printed."""

    values: dict[str, str] = field(default_factory=dict, repr=False)

    def add(self, name: str, value: str) -> str:
        """Remember a secret; the same value again."""
        assert len(value) >= _SHORTEST, f"{name} is too short to be found by accident"
        self.values[name] = value
        return value

    def find(self, text: str) -> list[str]:
        """The names of the secrets that a text holds."""
        return [
            name
            for name, value in self.values.items()
            if any(spelling in text for spelling in _spellings(value))
        ]


def _spellings(value: str) -> set[str]:
    raw = value.encode()
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    return {value, quote(value, safe=""), raw.hex(), *(text.rstrip("=") for text in encoded)}


def list_sinks(project: ThrowawayProject) -> Iterator[tuple[str, str]]:
    """Name and text of everything that a project in development has written somewhere."""
    yield "logs", project.done("logs", "--tail", "1000000")
    for table, rows in project.dump().items():
        for row in rows:
            yield f"table {table}", f"{row} {_readable(str(row))}"
    with copied_data(project) as redis:
        redis.select(project.configuration.redis_index(Mode.DEVELOPMENT))
        for key in redis.scan_iter():
            if _OF_THE_BANK in key:
                continue
            yield f"Redis key {key!r}", f"{key!r} {_value(redis, key)!r}"
    for path in project.home.rglob("*"):
        if path.suffix in {".log", ".json", ".conf"} and path.is_file():
            yield str(path.relative_to(project.home)), path.read_text(errors="replace")


def _readable(row: str) -> str:
    """What is written as bytes, as text."""
    return " ".join(binascii.unhexlify(found).decode(errors="replace") for found in _HEX.findall(row))


def _value(redis: Redis, key: bytes) -> object:
    match redis.type(key):
        case b"string":
            return redis.get(key)
        case b"list":
            return redis.lrange(key, 0, -1)
        case b"hash":
            return redis.hgetall(key)
        case b"zset":
            return redis.zrange(key, 0, -1)
        case b"set":
            return redis.smembers(key)
    raise AssertionError(f"{key!r}: what is stored there cannot be looked at")
