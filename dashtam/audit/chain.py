"""Links entries into a chain, and seals where it ends, so that nobody changes it unnoticed.

Each entry's hash is the SHA-256 of the hash before it and of every column of the entry, in one canonical encoding.
Whoever can write to the database can compute such hashes anew, so the end of the chain carries a seal: an HMAC
(RFC 2104) under a key that is not in the database. The end stands for all before it.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from dashtam.security.derivation import derive_key

START: Final = bytes(32)
"""What stands for the hash before the first entry."""
_ENTRY: Final = b"dashtam audit entry v1"
_HEAD: Final = b"dashtam audit head v1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def link(previous: bytes, columns: Mapping[str, object]) -> bytes:
    """Compute the hash of an entry that follows another one.

    Raises:
        ValueError: a column holds what `encode` does not take.
    """
    return hashlib.sha256(_ENTRY + previous + encode(columns)).digest()


def encode(columns: Mapping[str, object]) -> bytes:
    """Write columns down in one way alone: name and value of each, with their lengths, in the order of the names.

    A column that is null is left out, so a column that a later release adds changes no earlier entry. Texts, UUIDs,
    aware times (to the microsecond), integers and JSON without fractions are taken.

    Raises:
        ValueError: another kind of value.
    """
    present = sorted((name, value) for name, value in columns.items() if value is not None)
    return b"".join(_sized(name.encode()) + _sized(_value(value)) for name, value in present)


def _value(value: object) -> bytes:
    match value:
        case str():
            return b"s" + value.encode()
        case UUID():
            return b"u" + value.bytes
        case datetime(tzinfo=None) | bool():
            raise ValueError(
                f"{value!r} cannot be part of a chain: expected an aware time, no naive one, no bool"
            )
        case datetime():
            return b"t" + str((value - _EPOCH) // _MICROSECOND).encode()
        case int():
            return b"i" + str(value).encode()
        case dict() | list():
            _refuse_fractions(value)
            return (
                b"j" + json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            )
    raise ValueError(f"a value of {type(value).__name__} cannot be part of a chain")


def _refuse_fractions(value: object) -> None:
    """PostgreSQL keeps 1.0 and 1e2 as other numbers than Python; whole numbers, and numbers in texts, stay the same."""
    match value:
        case None | bool() | int() | str():
            pass
        case dict():
            for part in (*value, *value.values()):
                _refuse_fractions(part)
        case list():
            for part in value:
                _refuse_fractions(part)
        case _:
            raise ValueError(
                f"a value of {type(value).__name__} cannot be part of a chain; write it as a text"
            )


def _sized(part: bytes) -> bytes:
    return len(part).to_bytes(8) + part


class HeadSealer:
    """Seals the end of the chain with keys derived from TOKEN_ENCRYPTION_KEYS; the first seals, all of them verify."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {key_id: derive_key(key, purpose=_HEAD) for key_id, key in keys.items()}
        self.key_id = next(iter(keys))

    def seal(self, sequence: int, hash_: bytes) -> bytes:
        """Vouch for a chain of `sequence` entries, the last of which has this hash, with the key `key_id`."""
        return _authenticate(self._keys[self.key_id], sequence, hash_)

    def find_fault(self, sequence: int, hash_: bytes, *, key_id: str, seal: bytes) -> str | None:
        """Say why a seal does not vouch for this end of the chain; None where it does."""
        if key_id not in self._keys:
            return f"it is sealed with the key {key_id!r}, which TOKEN_ENCRYPTION_KEYS does not hold"
        if not hmac.compare_digest(_authenticate(self._keys[key_id], sequence, hash_), seal):
            return "its seal was not made for it: it was written without the key"
        return None


def _authenticate(key: bytes, sequence: int, hash_: bytes) -> bytes:
    return hmac.digest(key, _HEAD + sequence.to_bytes(8, signed=True) + hash_, "sha256")
