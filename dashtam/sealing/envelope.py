"""How a sealed value is spelled, and how what it is bound to is written down: each in one way alone.

A sealed value is `<layout>.<key id>.<nonce>.<ciphertext and tag>`, the last two base64url without padding (RFC 4648,
5). The layout says the algorithm too, so there is none that an attacker could choose; the key id says which key opens
it, so nobody tries several (the layout follows Vault's transit engine and Tink's key ids).
"""

import binascii
import os
from typing import Final, NamedTuple

from dashtam.sealing.errors import SealError

_NONCE_BYTES: Final = 12
_NONCE_SIGNS: Final = 16
_TAG_BYTES: Final = 16
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
# Signs of the other base64, and padding, become a sign of none.
_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING: Final = (b"", b"!", b"==", b"=")
# What the last sign may be, by the number of signs behind the last four: one value, one spelling, no stray low bits.
_LAST_SIGNS: Final = (None, b"", b"AQgw", b"AEIMQUYcgkosw048")


class Envelope(NamedTuple):
    """The parts of a sealed value."""

    layout: bytes
    key_id: bytes
    nonce: bytes
    ciphertext: bytes

    @classmethod
    def parse(cls, sealed: bytes) -> "Envelope":
        """Take a sealed value apart.

        Raises:
            SealError: not a sealed value, or spelled in another way than `bytes` spells it.
        """
        parts = sealed.split(b".")
        if len(parts) != 4 or len(parts[2]) != _NONCE_SIGNS:
            raise SealError("not a sealed value: expected layout, key id, nonce and ciphertext")
        layout, key_id, nonce, ciphertext = parts
        over = len(ciphertext) % 4
        last = _LAST_SIGNS[over]
        if last is not None and ciphertext[-1:] not in last:
            raise SealError("a part of the sealed value is not base64url as we spell it")
        try:
            # Twelve bytes are sixteen signs, so both can be read at once.
            spelled = (nonce + ciphertext).translate(_FROM_URL) + _PADDING[over]
            whole = binascii.a2b_base64(spelled, strict_mode=True)
        except binascii.Error:
            raise SealError("a part of the sealed value is not base64url") from None
        if len(whole) < _NONCE_BYTES + _TAG_BYTES:
            raise SealError("the ciphertext is too short to hold a tag")
        return cls(layout, key_id, whole[:_NONCE_BYTES], whole[_NONCE_BYTES:])

    def __bytes__(self) -> bytes:
        return spell(b"%b.%b." % (self.layout, self.key_id), self.nonce, self.ciphertext)


def spell(head: bytes, nonce: bytes, ciphertext: bytes) -> bytes:
    """Spell a value behind its `head`, which is layout and key id with a dot behind each."""
    signs = binascii.b2a_base64(nonce + ciphertext, newline=False).translate(_TO_URL).rstrip(b"=")
    return b"%b%b.%b" % (head, signs[:_NONCE_SIGNS], signs[_NONCE_SIGNS:])


def new_nonce() -> bytes:
    """Draw 96 random bits; a key takes 2^32 of them before two are likely enough to be the same (SP 800-38D, 8.3)."""
    return os.urandom(_NONCE_BYTES)


def prefix(layout: str, key_id: str) -> bytes:
    """What every value begins with that was sealed with this key."""
    return f"{layout}.{key_id}.".encode()


def bound(*parts: str) -> bytes:
    """Write parts down so that no other parts look the same: each behind its length in four bytes."""
    return b"".join(map(sized, (part.encode() for part in parts)))


def sized(part: bytes) -> bytes:
    """A part behind its length in four bytes."""
    return len(part).to_bytes(4) + part
