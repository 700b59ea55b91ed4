"""Tokens and codes come from the system's random numbers, with at least 256 bits."""

import secrets

import pytest

from dashtam.connections.pkce import new_verifier
from dashtam.security.tokens import Mark, hashed, new_token


def test_every_token_is_drawn_from_the_systems_own_randomness(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def draw(count: int) -> str:
        asked.append(count)
        return f"drawn{len(asked)}"

    monkeypatch.setattr(secrets, "token_urlsafe", draw)
    for number, mark in enumerate(Mark, start=1):
        assert new_token(mark).get_secret_value() == f"{mark}drawn{number}"
    assert new_verifier().get_secret_value() == f"drawn{len(asked)}"
    assert asked == [32] * len(Mark) + [64]


def test_tokens_are_unique_and_not_in_a_repr() -> None:
    tokens = [new_token(Mark.STATE) for _ in range(100)]
    assert len({token.get_secret_value() for token in tokens}) == 100
    assert not [token for token in tokens if token.get_secret_value() in repr(token)]
    assert len(hashed(tokens[0].get_secret_value())) == 64
