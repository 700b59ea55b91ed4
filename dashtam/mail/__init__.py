"""Sends e-mail through the mail server of the settings or, without one, into the environment's mailbox."""

from typing import Protocol

from dashtam.cache import Cache
from dashtam.mail.mailbox import Mailbox
from dashtam.mail.smtp import SmtpMailer
from dashtam.settings.errors import SettingsError
from dashtam.settings.model import Environment, Settings


class Mailer(Protocol):
    """The protocol of SmtpMailer and Mailbox."""

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """Send a text to one address, and return when the server or the mailbox has accepted it.

        Raises:
            InvalidRequest: the address or the subject is not valid in an e-mail; nothing was sent.
            MailRefused: the server rejects this e-mail permanently.
            MailServerNotReady: the server cannot be used now; a later attempt may succeed.
            MailMisconfigured: the settings do not match the server.
            CacheNotReady: the mailbox is used, and Redis is not available.
        """


def build_mailer(settings: Settings, cache: Cache) -> Mailer:
    """Return the mailer of a process without connecting to anything.

    Raises:
        SettingsError: the environment is production, and SMTP_URL is missing.
    """
    if settings.mail_server is not None:
        return SmtpMailer(settings.mail_server, sender=settings.MAIL_FROM)
    if settings.ENVIRONMENT is Environment.PRODUCTION:
        raise SettingsError(["SMTP_URL is missing; expected a mail server, since production has no mailbox"])
    return Mailbox(cache, sender=settings.MAIL_FROM)
