"""Seals secrets for storage with AES-256-GCM: where they belong, and how often they were replaced, is bound in.

The associated data of layout v2 is, each behind its length in four bytes: `v2`, the key id, `dashtam`, the
environment, table, column, row, user and version. Row and user are the 16 bytes of their UUIDs, the version is eight
bytes; a row that is named in another way is text, and a value of nobody has an empty user. What was moved to another
row, column, user, environment or key id does not open, nor does an earlier value that was put back (NIST SP 800-38D).
Each purpose has a key of its own, derived from the data key.
"""

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from dashtam.sealing.envelope import Envelope, bound, new_nonce, prefix, sized, spell
from dashtam.sealing.errors import SealError
from dashtam.security.derivation import derive_key

LAYOUT: Final = "v2"
KEY_BYTES: Final = 32
_USUAL: Final = struct.Struct(">I16sI16sIq")


class Purpose(StrEnum):
    """What a derived key is for; the value is the `info` of HKDF, and never changes."""

    PROVIDER_TOKENS = "dashtam provider tokens v2"
    VERIFIERS = "dashtam verifiers v2"
    SECOND_FACTORS = "dashtam second factors v2"
    STORED_ANSWERS = "dashtam stored answers v2"
    REVOCATIONS = "dashtam revocations v2"
    KEY_CHECK = "dashtam key check v2"


@dataclass(frozen=True, eq=False)
class SealedColumn:
    """One column of sealed values; it is made once, and found again by being itself."""

    table: str
    name: str
    purpose: Purpose
    earlier: str | None = None
    """How layout v1 spelled the place, with `{row}` and `{user_id}` in it; None: it never stood here."""

    def context(self, row: UUID | str, user_id: UUID | None, version: int = 1) -> "Context":
        """Where a value of this column belongs; `version` counts how often it was replaced, where a row counts that."""
        return Context(self, row, user_id, version)


@dataclass(frozen=True, slots=True)
class Context:
    """The one place that a secret is sealed for."""

    column: SealedColumn
    row: UUID | str
    user_id: UUID | None
    version: int = 1

    def __bytes__(self) -> bytes:
        """The part of the associated data that differs from row to row."""
        row, user = self.row, self.user_id
        if isinstance(row, UUID) and user is not None:  # the usual one, written at once
            return _USUAL.pack(16, row.bytes, 16, user.bytes, 8, self.version)
        named = row.bytes if isinstance(row, UUID) else row.encode()
        parts = (named, b"" if user is None else user.bytes, self.version.to_bytes(8))
        return b"".join(map(sized, parts))

    def __str__(self) -> str:
        return f"{self.column.table}.{self.column.name} of {self.row}, version {self.version}"


class Sealed(NamedTuple):
    """A sealed value, and the id of the key that opens it."""

    value: bytes
    key_id: str


class DataKey:
    """One key of an installation; it never shows itself, and cannot be copied into a pickle."""

    def __init__(self, key_id: str, key: bytes, *, environment: str) -> None:
        if len(key) != KEY_BYTES:
            raise SealError(f"the data key {key_id!r} has {len(key)} bytes; expected {KEY_BYTES}")
        self.id = key_id
        self.check = derive_key(key, purpose=Purpose.KEY_CHECK.encode())[:4].hex()
        """Tells two keys apart, and nothing of either (the first 32 bits of a key that is used for nothing else)."""
        self._ciphers: dict[Purpose, AESGCM] = {
            purpose: AESGCM(derive_key(key, purpose=purpose.encode()))
            for purpose in Purpose
            if purpose is not Purpose.KEY_CHECK
        }
        self._bound = bound(LAYOUT, key_id, "dashtam", environment)
        self._head = prefix(LAYOUT, key_id)
        self._columns: dict[SealedColumn, tuple[AESGCM, bytes]] = {}

    def seal(self, secret: SecretStr, *, context: Context) -> Sealed:
        """Encrypt a secret for one place."""
        cipher, of_column = self._of_column(context.column)
        nonce = new_nonce()
        clear = secret.get_secret_value().encode()
        ciphertext = cipher.encrypt(nonce, clear, of_column + bytes(context))
        return Sealed(spell(self._head, nonce, ciphertext), self.id)

    def open(self, envelope: Envelope, *, context: Context) -> SecretStr:
        """Decrypt what `seal` made for the same place.

        Raises:
            SealError: another place, another key, or a changed value. Nothing of the value is ever returned then, nor
                quoted.
        """
        layout, key_id, nonce, ciphertext = envelope
        if self._head != b"%b.%b." % (layout, key_id):
            raise SealError(f"sealed as {layout!r} with {key_id!r}; expected {LAYOUT} with {self.id!r}")
        cipher, of_column = self._of_column(context.column)
        try:
            opened = cipher.decrypt(nonce, ciphertext, of_column + bytes(context))
        except InvalidTag:
            raise SealError(f"does not open with the key {self.id!r} as {context}") from None
        return SecretStr(opened.decode())

    def _of_column(self, column: SealedColumn) -> tuple[AESGCM, bytes]:
        """The key of a column's purpose, and the associated data that all of its values share."""
        if column not in self._columns:
            shared = self._bound + bound(column.table, column.name)
            self._columns[column] = self._ciphers[column.purpose], shared
        return self._columns[column]

    def __repr__(self) -> str:
        return f"DataKey({self.id!r}, check {self.check})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a data key is never pickled: it would stand there in clear")
