"""Parses TOKEN_ENCRYPTION_KEYS, and recognizes secrets that are too weak for production."""

import base64
import binascii
import re
from typing import Final

KEY_BYTES: Final = 32
_KEY_ID: Final = re.compile(r"[a-z0-9_-]{1,32}")
_WEAK_MARKS: Final = ("change_me", "change-me", "changeme", "example", "password", "secret", "test")
_MIN_SECRET_LENGTH: Final = 16
_MIN_DISTINCT_CHARACTERS: Final = 8
_MIN_DISTINCT_BYTES: Final = 16


def parse_token_keys(value: str) -> dict[str, bytes]:
    """Parse `id:base64url,...` into keys of 32 bytes by id; the sealing key is first.

    Raises:
        ValueError: names the entry that is malformed; never quotes a key.
    """
    keys: dict[str, bytes] = {}
    for place, entry in enumerate(value.split(","), start=1):
        key_id, key = _read_entry(place, entry.strip())
        if key_id in keys:
            raise ValueError(f"entry {place}: the id {key_id!r} is repeated")
        keys[key_id] = key
    return keys


def _read_entry(place: int, entry: str) -> tuple[str, bytes]:
    key_id, separator, text = entry.partition(":")
    if not separator or not _KEY_ID.fullmatch(key_id):
        raise ValueError(f"entry {place}: expected id:key with an id of lower-case letters, digits, _ or -")
    try:
        key = base64.b64decode(text, altchars=b"-_", validate=True)
    except ValueError as error:
        seen = "not ASCII" if not isinstance(error, binascii.Error) else "not base64url"
        raise ValueError(f"entry {place}: the key is {seen}") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"entry {place}: expected a key of {KEY_BYTES} bytes, got {len(key)}")
    return key_id, key


def is_weak_secret(secret: str) -> bool:
    """Whether a secret is too short or too uniform, or contains a word that is common in examples."""
    lowered = secret.lower()
    return (
        len(secret) < _MIN_SECRET_LENGTH
        or len(set(secret)) < _MIN_DISTINCT_CHARACTERS
        or any(mark in lowered for mark in _WEAK_MARKS)
    )


def is_weak_key(key: bytes) -> bool:
    """Whether a key is too uniform, or is text: only one in 10^13 random keys of 32 bytes is all printable."""
    return len(set(key)) < _MIN_DISTINCT_BYTES or all(32 <= byte < 127 for byte in key)
