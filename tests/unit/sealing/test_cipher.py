"""Sealing secrets: what was sealed opens again in its place, and nowhere else."""

import base64
import copy
import logging
import pickle
from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from dashtam.sealing.cipher import Context, DataKey, Purpose, SealedColumn
from dashtam.sealing.envelope import Envelope, new_nonce
from dashtam.sealing.errors import SealError

BYTES = bytes(range(32))
KEY = DataKey("k-one", BYTES, environment="testing")
ADA, EVE = UUID(int=1), UUID(int=2)
ROW, OTHER_ROW = UUID(int=3), UUID(int=4)
COLUMN = SealedColumn("provider_tokens", "access_token_sealed", Purpose.PROVIDER_TOKENS)
PLACE = COLUMN.context(ROW, ADA, 3)
SECRET = SecretStr("canary-token")
SEALED = KEY.seal(SECRET, context=PLACE).value
PURPOSES = [purpose for purpose in Purpose if purpose is not Purpose.KEY_CHECK]

columns = st.builds(SealedColumn, st.text(), st.text(), st.sampled_from(PURPOSES))
contexts = st.builds(
    Context,
    columns,
    st.uuids() | st.text(),
    st.none() | st.uuids(),
    st.integers(min_value=0, max_value=2**63 - 1),
)


def column(
    *, table: str = COLUMN.table, name: str = COLUMN.name, purpose: Purpose = COLUMN.purpose
) -> Context:
    """The same place in another column."""
    return replace(PLACE, column=SealedColumn(table, name, purpose))


def named(context: Context) -> tuple[object, ...]:
    """What makes a place another one."""
    place = context.column
    return place.table, place.name, place.purpose, context.row, context.user_id, context.version


def opened(sealed: bytes, context: Context = PLACE, key: DataKey = KEY) -> str:
    return key.open(Envelope.parse(sealed), context=context).get_secret_value()


@given(st.text(), contexts)
def test_what_was_sealed_opens_again_in_the_same_place(secret: str, context: Context) -> None:
    sealed = KEY.seal(SecretStr(secret), context=context)
    assert opened(sealed.value, context) == secret
    assert sealed.key_id == "k-one"


@given(contexts, contexts)
def test_it_opens_in_no_other_place(here: Context, there: Context) -> None:
    sealed = KEY.seal(SECRET, context=here).value
    if named(here) == named(there):
        assert opened(sealed, there) == "canary-token"
    else:
        with pytest.raises(SealError, match="does not open"):
            opened(sealed, there)


@pytest.mark.parametrize(
    "moved",
    [
        replace(PLACE, row=OTHER_ROW),
        replace(PLACE, row=str(ROW)),
        column(name="refresh_token_sealed"),
        column(table="second_factors"),
        replace(PLACE, user_id=EVE),
        replace(PLACE, user_id=None),
        replace(PLACE, row=ADA, user_id=ROW),
        replace(PLACE, version=2),
        column(purpose=Purpose.REVOCATIONS),
        # The same letters, with the borders elsewhere.
        column(table="provider_tokensa", name="ccess_token_sealed"),
    ],
    ids=["row", "text", "column", "table", "user", "nobody", "swapped", "version", "purpose", "border"],
)
def test_a_value_that_was_moved_does_not_open(moved: Context) -> None:
    with pytest.raises(SealError, match="does not open with the key 'k-one'"):
        opened(SEALED, moved)


def test_a_value_of_another_environment_does_not_open_with_the_same_key() -> None:
    with pytest.raises(SealError, match="does not open"):
        opened(SEALED, key=DataKey("k-one", BYTES, environment="production"))


def test_another_key_of_the_same_id_does_not_open_it() -> None:
    with pytest.raises(SealError, match="does not open"):
        opened(SEALED, key=DataKey("k-one", bytes(32), environment="testing"))


def test_a_key_does_not_open_what_names_another_id_even_where_the_bytes_are_the_same() -> None:
    with pytest.raises(SealError, match="sealed as b'v2' with b'k-two'"):
        opened(SEALED.replace(b".k-one.", b".k-two."))
    two = DataKey("k-two", BYTES, environment="testing")
    with pytest.raises(SealError, match="does not open"):
        opened(SEALED.replace(b".k-one.", b".k-two."), key=two)


@pytest.mark.parametrize("layout", [b"v1", b"v3", b"v0", b"v22"])
def test_a_value_of_another_layout_is_refused(layout: bytes) -> None:
    with pytest.raises(SealError, match="sealed as b'v"):
        opened(layout + SEALED.removeprefix(b"v2"))


@pytest.mark.parametrize("segment", range(4), ids=["layout", "key id", "nonce", "ciphertext"])
def test_no_bit_of_any_segment_may_flip(segment: int) -> None:
    parts = SEALED.split(b".")
    for place in range(len(parts[segment])):
        for bit in range(8):
            changed = bytearray(parts[segment])
            changed[place] ^= 1 << bit
            with pytest.raises(SealError):
                opened(b".".join([*parts[:segment], bytes(changed), *parts[segment + 1 :]]))


@given(st.integers(min_value=1, max_value=len(SEALED)))
def test_a_shortened_value_does_not_open(lost: int) -> None:
    with pytest.raises(SealError):
        opened(SEALED[:-lost])


def test_a_shortened_tag_does_not_open() -> None:
    envelope = Envelope.parse(SEALED)
    for length in range(16, len(envelope.ciphertext)):
        with pytest.raises(SealError, match="does not open"):
            opened(bytes(envelope._replace(ciphertext=envelope.ciphertext[:length])))


@settings(max_examples=500)
@given(st.binary(min_size=16), st.binary(min_size=12, max_size=12))
def test_what_nobody_sealed_never_opens(ciphertext: bytes, nonce: bytes) -> None:
    with pytest.raises(SealError, match="does not open"):
        opened(bytes(Envelope(b"v2", b"k-one", nonce, ciphertext)))


# A value that was sealed once, written down here: whoever changes the layout loses what is stored, and sees it.
KNOWN = b"v2.k-one.AAECAwQFBgcICQoL.8DnG7XyvTxsmUmwzkRcwPZ6UQfKKQQb5AZbfRg"


def test_a_value_that_was_sealed_long_ago_still_opens() -> None:
    assert opened(KNOWN) == "canary-token"


def test_the_layout_can_be_made_by_hand_from_its_description() -> None:
    info = b"dashtam provider tokens v2"
    cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(BYTES))
    texts = ("v2", "k-one", "dashtam", "testing", "provider_tokens", "access_token_sealed")
    parts = [*(text.encode() for text in texts), ROW.bytes, ADA.bytes, (3).to_bytes(8)]
    ciphertext = cipher.encrypt(
        bytes(range(12)), b"canary-token", b"".join(len(part).to_bytes(4) + part for part in parts)
    )
    nonce, sealed = (base64.urlsafe_b64encode(part).rstrip(b"=") for part in (bytes(range(12)), ciphertext))
    assert b".".join((b"v2", b"k-one", nonce, sealed)) == KNOWN


def test_each_purpose_has_a_key_of_its_own() -> None:
    derived = {HKDF(SHA256(), 32, None, purpose.encode()).derive(BYTES) for purpose in Purpose}
    assert len(derived) == len(Purpose)
    assert KEY.check == HKDF(SHA256(), 32, None, b"dashtam key check v2").derive(BYTES)[:4].hex()
    with pytest.raises(KeyError):
        KEY.seal(SECRET, context=column(purpose=Purpose.KEY_CHECK))


def test_a_million_nonces_differ_and_so_do_the_values_that_carry_them() -> None:
    """12 random bytes: two of a million are the same once in 10^17 runs."""
    assert len({new_nonce() for _ in range(1_000_000)}) == 1_000_000
    sealed = [KEY.seal(SECRET, context=PLACE).value for _ in range(10_000)]
    assert len({Envelope.parse(value).nonce for value in sealed}) == 10_000


def test_a_sealed_value_says_nothing_of_the_secret() -> None:
    assert SEALED.startswith(b"v2.k-one.")
    assert b"canary" not in SEALED


def test_no_failure_quotes_the_secret_or_a_key() -> None:
    with pytest.raises(SealError) as caught:
        opened(SEALED, replace(PLACE, row=OTHER_ROW))
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_shows_itself_in_no_way(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("%r %s %s", KEY, KEY, {"key": KEY})
    shown = f"{KEY!r} {KEY} {[KEY]} {caplog.text}"
    assert "k-one" in shown
    for trace in (BYTES.hex(), "\\x00\\x01\\x02", base64.b64encode(BYTES).decode()):
        assert trace not in shown
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            act(KEY)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_data_key_has_256_bits(length: int) -> None:
    with pytest.raises(SealError, match=f"has {length} bytes; expected 32"):
        DataKey("k", bytes(length), environment="testing")
