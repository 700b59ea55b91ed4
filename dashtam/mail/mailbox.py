"""Keeps the e-mails of an environment without a mail server in Redis, for a week, for developers to read."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_string
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import Final

from dashtam.cache import Cache, mailbox
from dashtam.mail.message import build_message

_POLICY: Final = SMTPUTF8.clone(linesep="\n")
_MAX_EMAILS: Final = 100
_TTL: Final = timedelta(days=7)


@dataclass(frozen=True)
class KeptEmail:
    """An e-mail as its recipient would read it; the text is not in the repr, because its links grant access."""

    sent_at: datetime
    sender: str
    to: str
    subject: str
    text: str = field(repr=False)


class Mailbox:
    """Keeps e-mails instead of sending them."""

    def __init__(self, cache: Cache, *, sender: str) -> None:
        self._cache = cache
        self._sender = sender

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """Keep a text to one address, as `Mailer` promises."""
        message = build_message(sender=self._sender, to=to, subject=subject, text=text)
        await self._cache.push(mailbox(), message.as_string(policy=_POLICY), most=_MAX_EMAILS, ttl=_TTL)

    async def list_emails(self) -> list[KeptEmail]:
        """Return the kept e-mails, newest first; at most 100.

        Raises:
            CacheNotReady: Redis is not available.
        """
        return [_read(kept) for kept in await self._cache.list_values(mailbox())]


def _read(kept: str) -> KeptEmail:
    message = message_from_string(kept, policy=_POLICY)
    if not isinstance(message, EmailMessage):
        raise TypeError(f"the policy returned a {type(message).__name__}; expected an EmailMessage")
    return KeptEmail(
        sent_at=message["Date"].datetime,
        sender=str(message["From"]),
        to=str(message["To"]),
        subject=str(message["Subject"]),
        text=str(message.get_content()),
    )
