"""Sealing secrets: what was sealed opens again in its place, and nowhere else."""

import base64

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dashtam.errors import SealError
from dashtam.security.cipher import Cipher, sealing_key_id

KEYS = {"new": bytes(range(32)), "old": bytes(range(1, 33))}
CONTEXT = "provider_token:0190:access"


@given(st.text(), st.text())
def test_what_was_sealed_opens_again_for_the_same_context(secret: str, context: str) -> None:
    cipher = Cipher(KEYS)
    sealed = cipher.seal(SecretStr(secret), context=context)
    assert cipher.open(sealed, context=context).get_secret_value() == secret


def test_a_sealed_value_says_its_layout_and_key_and_nothing_of_the_secret() -> None:
    sealed = Cipher(KEYS).seal(SecretStr("canary-token"), context=CONTEXT)
    assert sealed.startswith(b"v1.new.")
    assert b"canary" not in sealed
    assert sealing_key_id(sealed) == "new"


def test_the_layout_can_be_opened_by_hand_from_its_description() -> None:
    sealed = Cipher(KEYS).seal(SecretStr("canary"), context=CONTEXT)
    nonce, ciphertext = (base64.urlsafe_b64decode(part + b"==") for part in sealed.split(b".")[2:])
    info = b"dashtam provider tokens v1"
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(KEYS["new"])
    bound = b"".join(len(part).to_bytes(4) + part for part in (b"v1", b"new", CONTEXT.encode()))
    assert AESGCM(key).decrypt(nonce, ciphertext, bound) == b"canary"


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_one_changed_byte_anywhere_keeps_it_from_opening(place: int, change: int) -> None:
    cipher = Cipher(KEYS)
    sealed = bytearray(cipher.seal(SecretStr("canary"), context=CONTEXT))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(SealError):
        cipher.open(bytes(sealed), context=CONTEXT)


@given(st.binary())
def test_any_other_bytes_do_not_open(sealed: bytes) -> None:
    with pytest.raises(SealError):
        Cipher(KEYS).open(sealed, context=CONTEXT)


def test_a_value_moved_to_another_row_does_not_open() -> None:
    cipher = Cipher(KEYS)
    sealed = cipher.seal(SecretStr("canary"), context=CONTEXT)
    with pytest.raises(SealError, match="does not open"):
        cipher.open(sealed, context=CONTEXT.replace("access", "refresh"))


def test_a_value_under_another_key_id_does_not_open_even_with_the_same_key() -> None:
    sealed = Cipher({"one": KEYS["new"]}).seal(SecretStr("canary"), context=CONTEXT)
    with pytest.raises(SealError, match="does not open"):
        Cipher({"two": KEYS["new"]}).open(sealed.replace(b".one.", b".two."), context=CONTEXT)


def test_a_shortened_tag_does_not_open() -> None:
    cipher = Cipher(KEYS)
    sealed = cipher.seal(SecretStr("canary"), context=CONTEXT)
    with pytest.raises(SealError):
        cipher.open(sealed[:-4], context=CONTEXT)


def test_an_earlier_key_still_opens_while_the_first_one_seals() -> None:
    sealed = Cipher({"old": KEYS["old"]}).seal(SecretStr("canary"), context=CONTEXT)
    cipher = Cipher(KEYS)
    assert cipher.open(sealed, context=CONTEXT).get_secret_value() == "canary"
    assert sealing_key_id(cipher.seal(SecretStr("canary"), context=CONTEXT)) == "new"


def test_a_key_that_is_gone_is_named() -> None:
    sealed = Cipher(KEYS).seal(SecretStr("canary"), context=CONTEXT)
    with pytest.raises(SealError, match="'new', which TOKEN_ENCRYPTION_KEYS does not hold"):
        Cipher({"old": KEYS["old"]}).open(sealed, context=CONTEXT)


def test_the_same_secret_never_looks_the_same_twice() -> None:
    cipher = Cipher(KEYS)
    assert len({cipher.seal(SecretStr("canary"), context=CONTEXT) for _ in range(1000)}) == 1000


def test_no_failure_quotes_the_secret_or_a_key() -> None:
    cipher = Cipher(KEYS)
    sealed = cipher.seal(SecretStr("canary"), context=CONTEXT)
    with pytest.raises(SealError) as caught:
        cipher.open(sealed, context="elsewhere")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "\\x00\\x01" not in repr(cipher)


def test_no_keys_no_cipher() -> None:
    with pytest.raises(SealError):
        Cipher({})


def test_a_second_spelling_of_the_same_bytes_does_not_open() -> None:
    cipher = Cipher(KEYS)
    sealed = cipher.seal(SecretStr("canary"), context=CONTEXT)
    spare_bit = {
        b"A": b"B",
        b"Q": b"R",
        b"g": b"h",
        b"w": b"x",
    }  # 22 bytes leave four bits of the last sign unused
    with pytest.raises(SealError, match="not base64url"):
        cipher.open(sealed[:-1] + spare_bit[sealed[-1:]], context=CONTEXT)
