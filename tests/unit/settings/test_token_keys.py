"""TOKEN_ENCRYPTION_KEYS is parsed strictly, and weak secrets are recognized."""

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.settings.token_keys import is_weak_key, is_weak_secret, parse_token_keys

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


def test_keys_are_read_in_their_order() -> None:
    assert list(parse_token_keys(f"b:{KEY}, a:{KEY}")) == ["b", "a"]
    assert parse_token_keys(f"a:{KEY}")["a"] == bytes(range(32))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "entry 1: expected id:key"),
        (KEY, "entry 1: expected id:key"),
        (f"A:{KEY}", "entry 1: expected id:key"),
        (f"a:{KEY},", "entry 2: expected id:key"),
        (f"a:{KEY},a:{KEY}", "entry 2: the id 'a' is repeated"),
        ("a:c2hvcnQ=", "expected a key of 32 bytes, got 5"),
        (f"a:{KEY}!", "not base64url"),
        ("a:\u00e4", "not ASCII"),
    ],
)
def test_a_malformed_entry_is_named_by_its_place(value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_token_keys(value)


@given(st.text())
def test_no_message_quotes_a_key(text: str) -> None:
    with pytest.raises(ValueError, match="entry") as caught:
        parse_token_keys(f"a:canary{text}")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "secret",
    ["", "short", "a" * 40, "secure_password_change_me", "my-Example-of-a-long-one", "0123456789abcde"],
)
def test_short_uniform_and_example_secrets_are_weak(secret: str) -> None:
    assert is_weak_secret(secret)


def test_random_secrets_and_keys_are_strong() -> None:
    assert not is_weak_secret("Kd93nvQ0xL2mZb7R")
    assert not any(is_weak_key(secrets.token_bytes(32)) for _ in range(1000))


@pytest.mark.parametrize("key", [bytes(32), b"test-key-test-key-test-key-test!", b"ab" * 16])
def test_uniform_keys_and_words_are_weak(key: bytes) -> None:
    assert is_weak_key(key)
