"""Sends e-mail to a mail server, encrypted and within a time limit, and raises typed errors."""

import asyncio
import ssl
from contextlib import suppress
from typing import Final

import aiosmtplib

from dashtam.logs.pipeline import get_logger
from dashtam.mail.errors import MailMisconfigured, MailNotSent, MailRefused, MailServerNotReady
from dashtam.mail.message import build_message, domain_of
from dashtam.settings.addresses import MailAddress, MailEncryption

_SECONDS: Final = 30.0
_QUIT_SECONDS: Final = 2.0
_MAX_REPORTED: Final = 200
_PERMANENT: Final = 500
_FAULTS: Final = (aiosmtplib.SMTPException, OSError, TimeoutError)
_log = get_logger(__name__)


class SmtpMailer:
    """Sends through one mail server; each message has its own connection and a limit of `seconds`.

    `trust` holds the trusted certificate authorities; the default is those of this machine.
    """

    def __init__(
        self,
        server: MailAddress,
        *,
        sender: str,
        trust: ssl.SSLContext | None = None,
        seconds: float = _SECONDS,
    ) -> None:
        self._server = server
        self._sender = sender
        self._trust = trust
        self._seconds = seconds

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """Send a text to one address, as `Mailer` promises."""
        message = build_message(sender=self._sender, to=to, subject=subject, text=text)
        client = self._client()
        try:
            async with asyncio.timeout(self._seconds):
                await client.connect()
                await client.send_message(message, sender=self._sender, recipients=[to])
            with suppress(*_FAULTS):  # the e-mail is sent even when QUIT fails
                await client.quit(timeout=_QUIT_SECONDS)
        except _FAULTS as error:
            fault = _fault(error, self._server.place, to)
            _log.warning(
                "mail not sent", message_id=message["Message-ID"], code=fault.code, reason=str(fault)
            )
            raise fault from None  # the library's error quotes the recipient's address
        finally:
            client.close()
        _log.info("mail sent", message_id=message["Message-ID"], server=self._server.place)

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password.get_secret_value() if server.password else None,
            use_tls=server.encryption is MailEncryption.IMPLICIT,
            start_tls=server.encryption is MailEncryption.STARTTLS,
            tls_context=self._trust or ssl.create_default_context(),
            local_hostname=domain_of(self._sender),
            timeout=self._seconds,
        )


def _fault(error: BaseException, place: str, to: str) -> MailNotSent:
    """Map an error of the library or of the connection to one of `mail/errors.py`."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]  # `send` has one recipient
    words = _words(error, place, to)
    match error:
        case aiosmtplib.SMTPAuthenticationError() | aiosmtplib.SMTPSenderRefused() if (
            error.code >= _PERMANENT
        ):
            return MailMisconfigured(words)
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError() if error.code >= _PERMANENT:
            return MailRefused(words)
        case aiosmtplib.SMTPNotSupported():
            return MailRefused(words)
    if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
        return MailMisconfigured(words)
    if isinstance(error, aiosmtplib.SMTPResponseException | OSError | TimeoutError):
        return MailServerNotReady(words)
    return MailMisconfigured(words)  # it lacks what the settings require: STARTTLS or authentication


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def _words(error: BaseException, place: str, to: str) -> str:
    """Return the server's code and text without the recipient's address, which many servers repeat."""
    code = f"{error.code} " if isinstance(error, aiosmtplib.SMTPResponseException) else ""
    text = error.message if isinstance(error, aiosmtplib.SMTPException) else str(error)
    if isinstance(error, TimeoutError) and not text:
        text = "timed out"
    redacted = str(text).replace(to, "[recipient]")
    printable = "".join(character if character.isprintable() else " " for character in redacted)
    return f"{place}: {code}{printable[:_MAX_REPORTED] or type(error).__name__}"
