"""Wrapping data keys: the settings open what is in the database, and nothing else does."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dashtam.sealing.cipher import Purpose, SealedColumn
from dashtam.sealing.envelope import Envelope
from dashtam.sealing.errors import SealError
from dashtam.sealing.wrapping import Wrapper, new_key_id

KEYS = {"new": bytes(range(32)), "old": bytes(range(1, 33))}
WRAPPER = Wrapper(KEYS, environment="testing")
OLD = Wrapper({"old": KEYS["old"]}, environment="testing")
PLACE = SealedColumn("authorization_requests", "verifier_sealed", Purpose.VERIFIERS).context("0190", None)


def test_the_first_key_of_the_settings_wraps_and_each_of_them_unwraps() -> None:
    assert WRAPPER.make("k-one").key_id == "new"
    assert WRAPPER.key_ids == {"new", "old"}
    wrapped = OLD.make("k-one")
    assert wrapped.key_id == "old"
    assert WRAPPER.unwrap("k-one", wrapped.value).check == OLD.unwrap("k-one", wrapped.value).check


def test_wrapped_anew_it_is_the_same_key_and_the_old_settings_key_can_go() -> None:
    before = OLD.make("k-one")
    after = WRAPPER.rewrap("k-one", before.value)
    assert after.key_id == "new"
    only_new = Wrapper({"new": KEYS["new"]}, environment="testing")
    sealed = OLD.unwrap("k-one", before.value).seal(SecretStr("canary"), context=PLACE)
    key = only_new.unwrap("k-one", after.value)
    assert key.open(Envelope.parse(sealed.value), context=PLACE).get_secret_value() == "canary"


def test_every_data_key_is_another_one() -> None:
    checks = {WRAPPER.unwrap("k", WRAPPER.make("k").value).check for _ in range(100)}
    assert len(checks) == 100


def test_a_settings_key_that_is_gone_is_named() -> None:
    wrapped = WRAPPER.make("k-one")
    with pytest.raises(
        SealError, match="'k-one' is wrapped with 'new', which TOKEN_ENCRYPTION_KEYS does not hold"
    ):
        OLD.unwrap("k-one", wrapped.value)


@pytest.mark.parametrize(
    "other",
    [
        Wrapper({"new": bytes(32)}, environment="testing"),
        Wrapper(KEYS, environment="production"),
    ],
    ids=["another key of that id", "another environment"],
)
def test_it_does_not_unwrap_elsewhere(other: Wrapper) -> None:
    with pytest.raises(SealError, match="does not unwrap with 'new'"):
        other.unwrap("k-one", WRAPPER.make("k-one").value)


def test_a_row_cannot_be_exchanged_for_another() -> None:
    with pytest.raises(SealError, match="'k-two' does not unwrap"):
        WRAPPER.unwrap("k-two", WRAPPER.make("k-one").value)


def test_a_wrapped_key_is_no_sealed_value_and_the_other_way_round() -> None:
    with pytest.raises(SealError, match="wrapped as b'v1'"):
        WRAPPER.unwrap("k", WRAPPER.make("k").value.replace(b"v2.", b"v1."))


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_one_changed_byte_anywhere_keeps_it_from_unwrapping(place: int, change: int) -> None:
    wrapped = bytearray(WRAPPER.make("k-one").value)
    wrapped[place % len(wrapped)] ^= change
    with pytest.raises(SealError):
        WRAPPER.unwrap("k-one", bytes(wrapped))


def test_ids_of_data_keys_are_ids_and_differ() -> None:
    ids = {new_key_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch("k-[a-z2-7]{8}", key_id) for key_id in ids)


def test_without_a_key_nothing_is_wrapped() -> None:
    with pytest.raises(SealError, match="no key to wrap with"):
        Wrapper({}, environment="testing")


def test_wrapping_keys_do_not_show_themselves() -> None:
    assert repr(WRAPPER) == "Wrapper('new', 'old')"
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(WRAPPER)
