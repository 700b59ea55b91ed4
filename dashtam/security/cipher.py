"""Seals secrets for storage with AES-256-GCM: which key sealed them is visible, where they belong is bound in.

A sealed value is `v1.<key id>.<nonce>.<ciphertext and tag>`, the last two base64url without padding. The associated
data binds version, key id and context, each with its length, so that a value moved to another row, column or key id
does not open (NIST SP 800-38D; the layout follows Vault's transit engine and Tink's key ids).
"""

import base64
import re
import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from dashtam.errors import SealError

_VERSION: Final = "v1"
_PURPOSE: Final = b"dashtam provider tokens v1"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SEALED: Final = re.compile(rb"v1\.([a-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class Cipher:
    """Seals and opens secrets with the keys of TOKEN_ENCRYPTION_KEYS; the first seals, all of them open."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise SealError("no key to seal with")
        self._keys = {key_id: AESGCM(_derived(key)) for key_id, key in keys.items()}
        self.sealing_key_id = next(iter(keys))

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of the keys that can open."""
        return frozenset(self._keys)

    def seal(self, secret: SecretStr, *, context: str) -> bytes:
        """Encrypt a secret for one place; `context` names the place, as `provider_token:<id>:access` does."""
        key_id = self.sealing_key_id
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = self._keys[key_id].encrypt(
            nonce, secret.get_secret_value().encode(), _bound(key_id, context)
        )
        return b".".join((_VERSION.encode(), key_id.encode(), _encoded(nonce), _encoded(ciphertext)))

    def open(self, sealed: bytes, *, context: str) -> SecretStr:
        """Decrypt what `seal` made for the same context.

        Raises:
            SealError: another layout, an unknown key id, another context, or a changed value. Nothing of the value is
                ever returned then, nor quoted.
        """
        key_id, nonce, ciphertext = _parts(sealed)
        if key_id not in self._keys:
            raise SealError(f"sealed with the key {key_id!r}, which TOKEN_ENCRYPTION_KEYS does not hold")
        try:
            opened = self._keys[key_id].decrypt(nonce, ciphertext, _bound(key_id, context))
        except InvalidTag:
            raise SealError(f"does not open with the key {key_id!r} as {context}") from None
        return SecretStr(opened.decode())


def sealing_key_id(sealed: bytes) -> str:
    """Say which key sealed a value, without opening it.

    Raises:
        SealError: not a sealed value of a known layout.
    """
    return _parts(sealed)[0]


def _parts(sealed: bytes) -> tuple[str, bytes, bytes]:
    match = _SEALED.fullmatch(sealed)
    if not match:
        raise SealError("not a sealed value of layout v1")
    try:
        nonce, ciphertext = _decoded(match[2]), _decoded(match[3])
    except ValueError:
        raise SealError("a part of the sealed value is not base64url") from None
    if len(nonce) != _NONCE_BYTES or len(ciphertext) < _TAG_BYTES:
        raise SealError("a part of the sealed value is too short or too long")
    return match[1].decode(), nonce, ciphertext


def _derived(key: bytes) -> bytes:
    """Derive the key of this purpose (RFC 5869), so that no key is ever used for two."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key)


def _bound(key_id: str, context: str) -> bytes:
    parts = (_VERSION.encode(), key_id.encode(), context.encode())
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _decoded(part: bytes) -> bytes:
    decoded = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    if _encoded(decoded) != part:  # one value, one spelling: stray low bits are refused
        raise ValueError("not canonical base64url")
    return decoded
