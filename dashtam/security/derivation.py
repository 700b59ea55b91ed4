"""One key for each purpose, derived from a key of TOKEN_ENCRYPTION_KEYS, so that none is ever used for two."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive_key(key: bytes, *, purpose: bytes) -> bytes:
    """Derive the 32 bytes of a purpose (HKDF with SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key)
