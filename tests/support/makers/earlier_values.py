"""Seals values of layout v1, which the application only opens; implemented independently, from its description."""

import base64
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def seal_earlier(secret: str, *, key_id: str, key: bytes, place: str) -> bytes:
    """Encrypt a secret like the releases before data keys."""
    info = b"dashtam provider tokens v1"
    cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key))
    nonce = secrets.token_bytes(12)
    bound = b"".join(len(part).to_bytes(4) + part for part in (b"v1", key_id.encode(), place.encode()))
    ciphertext = cipher.encrypt(nonce, secret.encode(), bound)
    parts = (base64.urlsafe_b64encode(part).rstrip(b"=") for part in (nonce, ciphertext))
    return b".".join((b"v1", key_id.encode(), *parts))
