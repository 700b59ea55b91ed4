"""Opens what was sealed before there were data keys: layout v1, directly by a key of TOKEN_ENCRYPTION_KEYS.

Nothing is sealed so any more; `invoke keys.rotate` moves what is left.
"""

from collections.abc import Mapping
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from dashtam.sealing.cipher import Context
from dashtam.sealing.envelope import Envelope, bound
from dashtam.sealing.errors import SealError
from dashtam.security.derivation import derive_key

LAYOUT: Final = "v1"
_PURPOSE: Final = b"dashtam provider tokens v1"


class EarlierCipher:
    """The keys of TOKEN_ENCRYPTION_KEYS, as layout v1 used them; all of them open, none of them seals."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {key_id: AESGCM(derive_key(key, purpose=_PURPOSE)) for key_id, key in keys.items()}

    def open(self, envelope: Envelope, *, context: Context) -> SecretStr:
        """Decrypt a value of layout v1.

        Raises:
            SealError: it never stood in this place, its key is gone, or it was changed or moved.
        """
        if envelope.layout != LAYOUT.encode():
            raise SealError(f"sealed in the layout {envelope.layout!r}; expected {LAYOUT}")
        if context.column.earlier is None:
            raise SealError(f"layout v1 was never used for {context}")
        key_id = envelope.key_id.decode(errors="replace")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealError(f"sealed with the key {key_id!r}, which TOKEN_ENCRYPTION_KEYS does not hold")
        place = context.column.earlier.format(row=context.row, user_id=context.user_id)
        try:
            associated = bound(LAYOUT, key_id, place)
            opened = cipher.decrypt(envelope.nonce, envelope.ciphertext, associated)
        except InvalidTag:
            raise SealError(f"does not open with the key {key_id!r} as {place}") from None
        return SecretStr(opened.decode())

    def __repr__(self) -> str:
        return f"EarlierCipher({', '.join(map(repr, self._ciphers))})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are never pickled: they would stand there in clear")
