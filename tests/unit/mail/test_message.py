"""An e-mail is well-formed for every text, and no text can change its headers."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.errors import InvalidRequest
from dashtam.mail.message import build_message

TEXT = "Hello Ünal,\n\nhttps://localhost:8000/verify?token=" + "x" * 300 + "\n\n.\nFrom here on: ✓\n"


def parsed(message: EmailMessage) -> EmailMessage:
    """Return the message as a recipient parses it."""
    read = message_from_bytes(message.as_bytes(), policy=SMTPUTF8)
    assert isinstance(read, EmailMessage)
    assert not read.defects
    assert not [value for value in read.values() if value.defects]
    return read


def built(**changes: str) -> EmailMessage:
    given = {"sender": "dashtam@example.com", "to": "ann@example.com", "subject": "Confirm", "text": TEXT}
    return build_message(**(given | changes))


def test_a_message_is_read_unchanged() -> None:
    message = parsed(built(subject="Bestätigen Sie ✓ Ihre Adresse"))
    assert message["Subject"] == "Bestätigen Sie ✓ Ihre Adresse"
    assert message["To"] == "ann@example.com"
    assert message["From"] == "Dashtam <dashtam@example.com>"
    assert message.get_content().replace("\r\n", "\n") == TEXT
    assert message["Date"].datetime.utcoffset() is not None
    assert message["Message-ID"].endswith("@example.com>")
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_message_has_only_ascii_and_short_lines() -> None:
    lines = built(subject="✓" * 60).as_bytes().split(b"\r\n")
    assert all(line.isascii() and len(line) <= 78 for line in lines)


def test_two_messages_have_two_ids() -> None:
    assert built()["Message-ID"] != built()["Message-ID"]


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@example.com\nBcc: eve@example.com",
        "ann@example.com\r\nBcc: eve@example.com",
        "ann@example.com\r\n\r\nbody",
        "ann@example.com\x00",
        "ann@example.com, eve@example.com",
        "ann@example.com;eve@example.com",
        "Ann <ann@example.com>",
        "<ann@example.com>",
        '"ann eve"@example.com',
        "ann @example.com",
        "ann@example.com (eve)",
        "ann@eve@example.com",
        "ann@example.com\u2028Bcc: x@y",
        "ann@\u202eexample.com",
        "a" * 65 + "@example.com",
        "ann@" + "x" * 250 + ".com",
        "ann\ud800@example.com",
    ],
)
def test_anything_but_one_plain_address_is_refused(to: str) -> None:
    with pytest.raises((InvalidRequest, UnicodeEncodeError)):
        built(to=to)


@pytest.mark.parametrize(
    "subject", ["", " ", "a\nBcc: eve@example.com", "a\r\n\r\nbody", "a\x00", "a\u2028b", "x" * 201]
)
def test_a_subject_is_one_line(subject: str) -> None:
    with pytest.raises(InvalidRequest, match="printable line"):
        built(subject=subject)


@given(to=st.text(max_size=40) | st.emails(), subject=st.text(max_size=40), text=st.text(max_size=200))
def test_no_text_makes_another_header_or_another_recipient(to: str, subject: str, text: str) -> None:
    try:
        message = parsed(built(to=to, subject=subject, text=text))
    except InvalidRequest:
        return
    assert message.keys() == list(built().keys())
    assert [address.addr_spec for address in message["To"].addresses] == [to]
