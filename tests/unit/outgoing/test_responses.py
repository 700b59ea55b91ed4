"""Responses are parsed strictly."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.outgoing import InvalidResponse, Response
from dashtam.outgoing.responses import parse_json, parse_retry_after

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def response(body: bytes) -> Response:
    return Response(200, {}, body, NOW)


def test_money_keeps_its_digits() -> None:
    read = response(b'{"cash": 0.1, "more": 100.10, "many": 1234567890123456789.01, "n": 3}').json_object()
    many = Decimal("1234567890123456789.01")
    assert read == {"cash": Decimal("0.1"), "more": Decimal("100.10"), "many": many, "n": 3}
    assert str(read["more"]) == "100.10"


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{",
            b"{}{}",
            b'{"a": NaN}',
            b'{"a": Infinity}',
            b'{"a": -Infinity}',
            b"<html>",
            b"\xff\xfe{}",
        ),
        *(b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}', b"[" * 100_000, b"1" * 5000, b"1." + b"1" * 5000),
        b"\xef\xbb\xbf{}",
    ],
)
def test_ambiguous_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidResponse):
        parse_json(body)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"token"', b"1", b"true"])
def test_an_object_is_expected(body: bytes) -> None:
    with pytest.raises(InvalidResponse, match="expected an object"):
        response(body).json_object()


@given(st.binary(max_size=200))
def test_any_bytes_raise_no_other_error(body: bytes) -> None:
    with suppress(InvalidResponse):
        parse_json(body)


def test_neither_body_nor_headers_show() -> None:
    shown = repr(Response(200, {"set-cookie": "canary"}, b"canary", NOW))
    assert "canary" not in shown


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 7 ", 7),
        ("120", 120),
        ("99999999999999999999", 86_400),
        ("Mon, 05 Jan 2026 12:00:30 GMT", 30),
        ("Mon, 05 Jan 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        *(
            (nonsense, None)
            for nonsense in ("", "soon", "-1", "1.5", "²", "1e3", "Mon, 99 Foo 2026 12:00:00 GMT")
        ),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(value: str | None, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert parse_retry_after(value, now=NOW) == expected
