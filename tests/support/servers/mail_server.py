"""A real mail server (aiosmtpd) in the event loop of the test, with configurable TLS and authentication."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from dashtam.settings.addresses import MailAddress, MailEncryption

USER: Final = "dashtam"
PASSWORD: Final = "canary-of-the-mail-server"
STRANGER: Final = "stranger@example.com"
HATED: Final = "refused@example.com"


@dataclass
class Inbox:
    """The received messages, and the behavior of the server."""

    response: str = "250 OK"
    """The response to a message."""
    delay: float = 0.0
    """The delay of responses to a recipient and to a message, in seconds."""
    hangs: bool = False
    envelopes: list[Envelope] = field(default_factory=list)
    signed_in: list[bool] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept every recipient, except one unknown address and one that is temporarily refused."""
        await asyncio.sleep(self.delay)
        if address == STRANGER:
            return "550 5.1.1 no such user: stranger@example.com"
        if address == HATED:
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a message, and respond."""
        await asyncio.sleep(self.delay)
        if self.hangs:
            await asyncio.Event().wait()
        if self.response.startswith("250"):
            self.envelopes.append(envelope)
            self.signed_in.append(session.authenticated is True)
            assert server.transport is not None
            self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return self.response


@dataclass(frozen=True)
class MailServer:
    """A running server and its inbox."""

    port: int
    inbox: Inbox

    def address(
        self, encryption: MailEncryption, *, host: str = "localhost", password: str | None = PASSWORD
    ) -> MailAddress:
        """Return the address for a client."""
        secret = None if password is None else SecretStr(password)
        return MailAddress(host, self.port, encryption, None if password is None else USER, secret)


@asynccontextmanager
async def mail_server(
    encryption: MailEncryption = MailEncryption.NONE,
    tls: ssl.SSLContext | None = None,
    *,
    smtputf8: bool = True,
    signs_in: bool = True,
    host: str = "127.0.0.1",
) -> AsyncIterator[MailServer]:
    """Serve on this machine until the end of the context; `tls` holds the server's certificate."""
    starttls = tls if encryption is MailEncryption.STARTTLS else None
    implicit = tls if encryption is MailEncryption.IMPLICIT else None
    inbox = Inbox()
    transports: list[asyncio.Transport] = []

    class Serving(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            assert isinstance(transport, asyncio.Transport)
            transports.append(transport)

    def connect() -> SMTP:
        return Serving(
            inbox,
            authenticator=_authenticate,
            auth_require_tls=starttls is not None,
            auth_exclude_mechanism=None if signs_in else ["LOGIN", "PLAIN"],
            require_starttls=starttls is not None,
            tls_context=starttls,
            hostname="mail.test",
            enable_SMTPUTF8=smtputf8,
        )

    server = await asyncio.get_running_loop().create_server(connect, host, 0, ssl=implicit)
    try:
        yield MailServer(server.sockets[0].getsockname()[1], inbox)
    finally:
        server.close()
        for transport in transports:
            transport.abort()


def _authenticate(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
) -> AuthResult:
    success = isinstance(given, LoginPassword) and (given.login, given.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=success, handled=False)
