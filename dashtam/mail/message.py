"""Composes an e-mail (RFC 5322); text from outside cannot become a header or an SMTP command."""

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import make_msgid
from typing import Final

from dashtam.errors import InvalidRequest

_MAX_ADDRESS: Final = 254  # the longest address SMTP can carry (RFC 5321)
_MAX_SUBJECT: Final = 200
# No white space, no control character, and no character that ends an address or begins another one.
_ADDRESS: Final = re.compile(r"[^\s\x00-\x20\x7f@,;:<>()\[\]\\\"]{1,64}@[^\s\x00-\x20\x7f@,;:<>()\[\]\\\"]+")


def build_message(*, sender: str, to: str, subject: str, text: str) -> EmailMessage:
    """Return the message for one address, encoded for servers that accept only ASCII and lines of 78 characters.

    Raises:
        InvalidRequest: `to` is not one plain address, or the subject is not one printable line.
    """
    if not _ADDRESS.fullmatch(to) or not to.isprintable() or len(to.encode()) > _MAX_ADDRESS:
        raise InvalidRequest(f"{to[:80]!r} is not one e-mail address; expected name@example.com")
    if not subject.strip() or not subject.isprintable() or len(subject) > _MAX_SUBJECT:
        raise InvalidRequest(f"the subject is not one printable line of at most {_MAX_SUBJECT} characters")
    message = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
    message["From"] = f"Dashtam <{sender}>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = make_msgid(domain=domain_of(sender))
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses automatic replies
    message.set_content(text, cte="quoted-printable")
    return message


def domain_of(address: str) -> str:
    """Return the part of an address after the @."""
    return address.rpartition("@")[2]
