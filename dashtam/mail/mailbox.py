"""The mail of an environment that has no mail server: kept for a week, for whoever develops to read."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_string
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import Final

from dashtam.cache import Cache, mailbox
from dashtam.mail.message import build_message

_POLICY: Final = SMTPUTF8.clone(linesep="\n")
_MOST: Final = 100
_TTL: Final = timedelta(days=7)


@dataclass(frozen=True)
class KeptMail:
    """An e-mail as somebody would read it; its text holds links that let whoever has them in."""

    sent_at: datetime
    sender: str
    to: str
    subject: str
    text: str = field(repr=False)


class Mailbox:
    """Keeps e-mail instead of sending it."""

    def __init__(self, cache: Cache, *, sender: str) -> None:
        self._cache = cache
        self._sender = sender

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """Keep a text to one address, as `Mailer` promises."""
        message = build_message(sender=self._sender, to=to, subject=subject, text=text)
        await self._cache.push(mailbox(), message.as_string(policy=_POLICY), most=_MOST, ttl=_TTL)

    async def list_letters(self) -> list[KeptMail]:
        """List what was kept, the newest first; at most a hundred.

        Raises:
            CacheNotReady: Redis does not answer.
        """
        return [_read(kept) for kept in await self._cache.list_values(mailbox())]


def _read(kept: str) -> KeptMail:
    message = message_from_string(kept, policy=_POLICY)
    if not isinstance(message, EmailMessage):
        raise TypeError(f"the policy made a {type(message).__name__}")
    return KeptMail(
        sent_at=message["Date"].datetime,
        sender=str(message["From"]),
        to=str(message["To"]),
        subject=str(message["Subject"]),
        text=str(message.get_content()),
    )
