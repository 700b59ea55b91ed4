"""Sends e-mail: through the mail server of the settings, or, without one, into the mailbox of the environment."""

from typing import Protocol

from dashtam.cache import Cache
from dashtam.mail.mailbox import Mailbox
from dashtam.mail.smtp import SmtpMailer
from dashtam.settings.errors import SettingsError
from dashtam.settings.model import Environment, Settings


class Mailer(Protocol):
    """What sends e-mail; SmtpMailer and Mailbox are twins."""

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """Send a text to one address, and return once somebody else has taken it over.

        Raises:
            InvalidRequest: the address or the subject cannot stand in an e-mail; nothing was sent.
            MailRefused: the server does not take it, now or later.
            MailServerNotReady: the server does not answer as it should; it may do so later.
            MailMisconfigured: the server and our settings do not fit.
            CacheNotReady: there is no mail server, and the mailbox does not answer.
        """


def build_mailer(settings: Settings, cache: Cache) -> Mailer:
    """Choose how a process sends e-mail; nothing is connected yet.

    Raises:
        SettingsError: production has no mail server.
    """
    if settings.mail_server is not None:
        return SmtpMailer(settings.mail_server, sender=settings.MAIL_FROM)
    if settings.ENVIRONMENT is Environment.PRODUCTION:
        raise SettingsError(["SMTP_URL is missing; production has no mailbox"])
    return Mailbox(cache, sender=settings.MAIL_FROM)
