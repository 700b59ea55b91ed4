"""Wraps data keys with the keys of TOKEN_ENCRYPTION_KEYS: what is in the database is of no use without the settings.

A wrapped key is spelled as any sealed value is, and bound to the environment, its own id and the id of the key that
wraps it, so no row of the table can be exchanged for another.
"""

import base64
import secrets
from collections.abc import Mapping
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dashtam.sealing.cipher import KEY_BYTES, LAYOUT, DataKey, Sealed
from dashtam.sealing.envelope import Envelope, bound, new_nonce, prefix, spell
from dashtam.sealing.errors import SealError
from dashtam.security.derivation import derive_key

_PURPOSE: Final = b"dashtam data keys v2"
_ID_BYTES: Final = 5


def new_key_id() -> str:
    """Draw the id of a data key: `k-` and eight signs of base32 (RFC 4648, 6)."""
    return f"k-{base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()}"


class Wrapper:
    """The keys of TOKEN_ENCRYPTION_KEYS as wrapping keys; the first one wraps, all of them unwrap."""

    def __init__(self, keys: Mapping[str, bytes], *, environment: str) -> None:
        if not keys:
            raise SealError("no key to wrap with")
        self._ciphers = {key_id: AESGCM(derive_key(key, purpose=_PURPOSE)) for key_id, key in keys.items()}
        self._environment = environment
        self.key_id = next(iter(keys))

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of the keys that can unwrap."""
        return frozenset(self._ciphers)

    def make(self, key_id: str) -> Sealed:
        """Draw a data key; answers it wrapped, and the id of the key that wraps it."""
        return self._wrap(key_id, secrets.token_bytes(KEY_BYTES))

    def rewrap(self, key_id: str, wrapped: bytes) -> Sealed:
        """Wrap a data key with the first key of the settings, whichever wrapped it until now.

        Raises:
            SealError: as `unwrap` does.
        """
        return self._wrap(key_id, self._open(key_id, wrapped))

    def unwrap(self, key_id: str, wrapped: bytes) -> DataKey:
        """Read a data key.

        Raises:
            SealError: TOKEN_ENCRYPTION_KEYS does not hold the key that wraps it, or the row was changed.
        """
        return DataKey(key_id, self._open(key_id, wrapped), environment=self._environment)

    def _wrap(self, key_id: str, key: bytes) -> Sealed:
        nonce = new_nonce()
        ciphertext = self._ciphers[self.key_id].encrypt(nonce, key, self._bind(key_id, self.key_id))
        return Sealed(spell(prefix(LAYOUT, self.key_id), nonce, ciphertext), self.key_id)

    def _open(self, key_id: str, wrapped: bytes) -> bytes:
        envelope = Envelope.parse(wrapped)
        if envelope.layout != LAYOUT.encode():
            raise SealError(f"the data key {key_id!r} is wrapped as {envelope.layout!r}; expected {LAYOUT}")
        wrapping_id = envelope.key_id.decode(errors="replace")
        cipher = self._ciphers.get(wrapping_id)
        if cipher is None:
            raise SealError(
                f"the data key {key_id!r} is wrapped with {wrapping_id!r}, "
                "which TOKEN_ENCRYPTION_KEYS does not hold"
            )
        try:
            return cipher.decrypt(envelope.nonce, envelope.ciphertext, self._bind(key_id, wrapping_id))
        except InvalidTag:
            raise SealError(
                f"the data key {key_id!r} does not unwrap with {wrapping_id!r} as one of {self._environment}: "
                "another key of that id wrapped it, or another environment did, or somebody changed the row"
            ) from None

    def _bind(self, key_id: str, wrapping_key_id: str) -> bytes:
        return bound(
            LAYOUT, wrapping_key_id, "dashtam", self._environment, "encryption_keys", "wrapped", key_id
        )

    def __repr__(self) -> str:
        return f"Wrapper({', '.join(map(repr, self._ciphers))})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("wrapping keys are never pickled: they would stand there in clear")
