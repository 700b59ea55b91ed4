"""What was sealed before there were data keys still opens in its place, and nowhere else."""

import pickle
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.sealing.cipher import Context
from dashtam.sealing.columns import ACCESS_TOKEN, REFRESH_TOKEN, SECOND_FACTOR, STORED_ANSWER, VERIFIER
from dashtam.sealing.envelope import Envelope
from dashtam.sealing.errors import SealError
from dashtam.sealing.layout_v1 import EarlierCipher
from tests.support.makers.earlier_values import seal_earlier

KEYS = {"new": bytes(range(32)), "old": bytes(range(1, 33))}
CIPHER = EarlierCipher(KEYS)
USER = UUID(int=7)
PLACE = ACCESS_TOKEN.context("0190", USER, 4)
# Written by a release that knew no data keys.
KNOWN = b"v1.new.5IlkawFWauWzuT8f.i7IkDXvo0FDkOJxPtZxshS0ZCyhr4Q"


def opened(sealed: bytes, context: Context = PLACE, cipher: EarlierCipher = CIPHER) -> str:
    return cipher.open(Envelope.parse(sealed), context=context).get_secret_value()


@pytest.mark.parametrize("key_id", list(KEYS))
def test_each_key_of_the_settings_opens_what_it_sealed(key_id: str) -> None:
    sealed = seal_earlier("canary", key_id=key_id, key=KEYS[key_id], place="provider_token:0190:access")
    assert opened(sealed) == "canary"


@pytest.mark.parametrize(
    ("context", "place"),
    [
        (PLACE, "provider_token:0190:access"),
        (REFRESH_TOKEN.context("0190", USER), "provider_token:0190:refresh"),
        (SECOND_FACTOR.context(USER, USER), f"second_factor:{USER}:secret"),
        (STORED_ANSWER.context("users.x:ab", USER), f"stored_answer:{USER}:users.x:ab"),
    ],
)
def test_the_places_are_spelled_as_they_were(context: Context, place: str) -> None:
    sealed = seal_earlier("canary", key_id="new", key=KEYS["new"], place=place)
    assert opened(sealed, context) == "canary"


def test_a_value_of_an_earlier_release_opens() -> None:
    assert opened(KNOWN) == "canary"


def test_a_moved_value_does_not_open() -> None:
    sealed = seal_earlier("canary", key_id="new", key=KEYS["new"], place="provider_token:0191:access")
    with pytest.raises(SealError, match="does not open with the key 'new' as provider_token:0190:access"):
        opened(sealed)


def test_where_layout_v1_never_stood_it_does_not_open() -> None:
    with pytest.raises(SealError, match="layout v1 was never used"):
        opened(KNOWN, VERIFIER.context("0190", USER))


def test_a_key_that_is_gone_is_named() -> None:
    with pytest.raises(SealError, match="'new', which TOKEN_ENCRYPTION_KEYS does not hold"):
        opened(KNOWN, cipher=EarlierCipher({"old": KEYS["old"]}))


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_one_changed_byte_anywhere_keeps_it_from_opening(place: int, change: int) -> None:
    changed = bytearray(KNOWN)
    changed[place % len(changed)] ^= change
    with pytest.raises(SealError):
        opened(bytes(changed))


def test_its_keys_do_not_show_themselves() -> None:
    assert repr(CIPHER) == "EarlierCipher('new', 'old')"
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(CIPHER)
