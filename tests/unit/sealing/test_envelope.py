"""How sealed values are spelled: in one way, which is read in one way."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.sealing.envelope import Envelope, bound, prefix
from dashtam.sealing.errors import SealError

SEALED = bytes(Envelope(b"v2", b"k-one", bytes(12), bytes(22)))


@given(
    st.from_regex(r"v[0-9]{1,3}", fullmatch=True).filter(str.isascii),
    st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=32),
    st.binary(min_size=12, max_size=12),
    st.binary(min_size=16),
)
def test_what_was_written_is_read_again(layout: str, key_id: str, nonce: bytes, ciphertext: bytes) -> None:
    written = Envelope(layout.encode(), key_id.encode(), nonce, ciphertext)
    assert Envelope.parse(bytes(written)) == written
    assert bytes(written).startswith(prefix(layout, key_id))


@given(st.binary())
def test_other_bytes_are_no_sealed_value(sealed: bytes) -> None:
    with pytest.raises(SealError):
        Envelope.parse(sealed)


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=len(SEALED)))
def test_whatever_is_read_is_written_in_the_same_way(more: bytes, place: int) -> None:
    hostile = SEALED[:place] + more + SEALED[place + len(more) :]
    with contextlib.suppress(SealError):
        assert bytes(Envelope.parse(hostile)) == hostile


@pytest.mark.parametrize(
    ("hostile", "fault"),
    [
        (SEALED.replace(b"v2.", b"v2.v2."), "not a sealed value"),
        (SEALED.removeprefix(b"v2."), "not a sealed value"),
        (SEALED.replace(b"k-one.AAAA", b"k-one."), "not a sealed value"),
        (SEALED.replace(b"k-one.", b"k-one.AAAA"), "not a sealed value"),
        (SEALED + b"=", "not base64url"),
        (SEALED + b"\n", "not base64url"),
        (SEALED[:-1] + b"B", "not base64url as we spell it"),  # 22 bytes leave bits of the last sign unused
        (SEALED[:-2] + b"=", "not base64url"),
        (SEALED[:-2] + b"==", "not base64url"),
        (SEALED[:-1], "not base64url as we spell it"),
        (SEALED.replace(b"AAA", b"AA+", 1), "not base64url"),
        (SEALED.replace(b"AAA", b"A/A", 1), "not base64url"),
        (SEALED.replace(b"AAA", b"A A", 1), "not base64url"),
        (SEALED.replace(b"AAA", b"A\0A", 1), "not base64url"),
        (SEALED[:-10], "too short"),
        (b"v2.k-one.AAAAAAAAAAAAAAAA.", "too short"),
    ],
)
def test_a_second_spelling_is_refused(hostile: bytes, fault: str) -> None:
    with pytest.raises(SealError, match=fault):
        Envelope.parse(hostile)


@given(st.lists(st.text()), st.lists(st.text()))
def test_other_parts_never_look_the_same(one: list[str], other: list[str]) -> None:
    assert (bound(*one) == bound(*other)) == (one == other)


def test_parts_that_only_moved_their_border_differ() -> None:
    assert bound("tokens", "access") != bound("token", "saccess")
    assert bound("tokens", "") != bound("tokens")
