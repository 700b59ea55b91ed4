"""Derives one key per purpose from a key of TOKEN_ENCRYPTION_KEYS, so that no key serves two purposes."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive_key(key: bytes, *, purpose: bytes) -> bytes:
    """Return the 32-byte key of a purpose (HKDF with SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key)
