"""E-mail goes to a real mail server, encrypted and authenticated, or a typed error says why it was not sent."""

import asyncio
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path

import pytest
import structlog

from dashtam.devenv.project.certificates import Certificates, ensure_certificates
from dashtam.mail.errors import MailMisconfigured, MailNotSent, MailRefused, MailServerNotReady
from dashtam.mail.smtp import SmtpMailer
from dashtam.settings.addresses import MailAddress, MailEncryption
from tests.support.servers.mail_server import HATED, PASSWORD, STRANGER, MailServer, mail_server
from tests.support.servers.ports import free_ports

IMPLICIT, STARTTLS, NONE = MailEncryption.IMPLICIT, MailEncryption.STARTTLS, MailEncryption.NONE
LINK = "https://localhost:8000/verify?token=canary-of-a-link"
SENDER = "dashtam@example.com"


@pytest.fixture(scope="module", name="certificates")
def _certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("certificates")
    ensure_certificates(folder)
    return Certificates(folder)


@pytest.fixture(name="tls")
def _tls(certificates: Certificates) -> ssl.SSLContext:
    """The server's context, with its certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server, certificates.server_key)
    return context


@pytest.fixture(name="trust")
def _trust(certificates: Certificates) -> ssl.SSLContext:
    """The client's context, which trusts only the test's authority."""
    return ssl.create_default_context(cafile=certificates.authority)


async def send(
    address: MailAddress, trust: ssl.SSLContext | None, *, to: str = "ann@example.com", seconds: float = 10
) -> None:
    mailer = SmtpMailer(address, sender=SENDER, trust=trust, seconds=seconds)
    await mailer.send(to=to, subject="Bestätigen ✓", text=f"Öffnen:\n{LINK}\n")


def only_message(server: MailServer) -> EmailMessage:
    (envelope,) = server.inbox.envelopes
    assert isinstance(envelope.content, bytes)
    message = message_from_bytes(envelope.content, policy=SMTPUTF8)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


@pytest.mark.parametrize("encryption", [IMPLICIT, STARTTLS])
async def test_a_message_arrives_unchanged_encrypted_and_authenticated(
    tls: ssl.SSLContext, trust: ssl.SSLContext, encryption: MailEncryption
) -> None:
    async with mail_server(encryption, tls) as server:
        await send(server.address(encryption), trust)
        message = only_message(server)
    (envelope,) = server.inbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, ["ann@example.com"])
    assert message["Subject"] == "Bestätigen ✓"
    assert message.get_content().replace("\r\n", "\n") == f"Öffnen:\n{LINK}\n"
    assert (server.inbox.signed_in, server.inbox.encrypted) == ([True], [True])


async def test_a_server_of_this_machine_needs_neither_encryption_nor_a_user() -> None:
    async with mail_server() as server:
        await send(server.address(NONE, password=None), None)
        assert only_message(server)["To"] == "ann@example.com"


async def test_mail_to_a_non_ascii_address_arrives_if_the_server_supports_it(
    tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    async with mail_server(IMPLICIT, tls) as server:
        await send(server.address(IMPLICIT), trust, to="jörg@example.com")
        assert only_message(server)["To"] == "jörg@example.com"
    async with mail_server(IMPLICIT, tls, smtputf8=False) as server:
        with pytest.raises(MailRefused):
            await send(server.address(IMPLICIT), trust, to="jörg@example.com")


async def test_a_refused_recipient_is_reported(tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with mail_server(IMPLICIT, tls) as server:
        with pytest.raises(MailRefused, match=r"^smtps://localhost:\d+: 550 .*no such user"):
            await send(server.address(IMPLICIT), trust, to=STRANGER)
        with pytest.raises(MailServerNotReady, match=r"451 .*try again later"):
            await send(server.address(IMPLICIT), trust, to=HATED)
        assert server.inbox.envelopes == []


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ("554 5.6.0 looks like spam\x1b[2J", MailRefused),
        ("451 4.3.0 disk full", MailServerNotReady),
    ],
)
async def test_a_refused_message_is_reported(
    tls: ssl.SSLContext, trust: ssl.SSLContext, response: str, error: type[MailNotSent]
) -> None:
    async with mail_server(IMPLICIT, tls) as server:
        server.inbox.response = response
        with pytest.raises(error) as caught:
            await send(server.address(IMPLICIT), trust)
    assert type(caught.value) is error
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("encryption", [IMPLICIT, STARTTLS])
async def test_a_wrong_password_is_reported_and_never_shown(
    tls: ssl.SSLContext, trust: ssl.SSLContext, encryption: MailEncryption
) -> None:
    async with mail_server(encryption, tls) as server:
        with pytest.raises(MailMisconfigured, match="535") as caught:
            await send(server.address(encryption, password="canary-wrong"), trust)
    assert "canary" not in str(caught.value) + repr(caught.value)


async def test_a_server_that_does_not_offer_starttls_gets_nothing(trust: ssl.SSLContext) -> None:
    async with mail_server() as server:
        with pytest.raises(MailMisconfigured, match="STARTTLS"):
            await send(server.address(STARTTLS), trust)
    assert server.inbox.envelopes == []


@pytest.mark.parametrize("encryption", [IMPLICIT, STARTTLS])
async def test_a_certificate_of_another_host_or_authority_is_not_trusted(
    tls: ssl.SSLContext, trust: ssl.SSLContext, encryption: MailEncryption
) -> None:
    # The certificate is for localhost and 127.0.0.1; this is another address of the same machine.
    async with mail_server(encryption, tls, host="127.0.0.2") as server:
        with pytest.raises(MailMisconfigured, match=r"(?i)certificate"):
            await send(server.address(encryption, host="127.0.0.2"), trust)
    assert (server.inbox.envelopes, server.inbox.signed_in) == ([], [])
    async with mail_server(encryption, tls) as server:
        with pytest.raises(MailMisconfigured, match=r"(?i)certificate"):
            await send(server.address(encryption), None)
    assert (server.inbox.envelopes, server.inbox.signed_in) == ([], [])


async def test_a_server_without_the_required_tls_gets_nothing(trust: ssl.SSLContext) -> None:
    async with mail_server() as server:
        with pytest.raises(MailMisconfigured):
            await send(server.address(IMPLICIT), trust)
    assert server.inbox.envelopes == []


async def test_a_server_without_authentication_is_reported(
    tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    async with mail_server(IMPLICIT, tls, signs_in=False) as server:
        with pytest.raises(MailMisconfigured):
            await send(server.address(IMPLICIT), trust)


async def test_a_hanging_server_is_abandoned(tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        for encryption in MailEncryption:
            with pytest.raises(MailServerNotReady):
                async with asyncio.timeout(20):
                    await send(MailAddress("localhost", port, encryption, None, None), trust, seconds=0.3)
    async with mail_server(IMPLICIT, tls) as server:
        server.inbox.hangs = True
        with pytest.raises(MailServerNotReady):
            async with asyncio.timeout(20):
                await send(server.address(IMPLICIT), trust, seconds=0.5)


async def test_the_time_limit_is_one_for_all_steps(tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with mail_server(IMPLICIT, tls) as server:
        server.inbox.delay = 2.0
        with pytest.raises(MailServerNotReady, match="timed out"):
            await send(server.address(IMPLICIT), trust, seconds=3.0)
    assert server.inbox.envelopes == []


async def test_an_unreachable_mail_server_is_reported() -> None:
    (port,) = free_ports(1)
    with pytest.raises(MailServerNotReady, match=f"^smtps://localhost:{port}: "):
        await send(MailAddress("localhost", port, IMPLICIT, None, None), None)


async def test_no_log_line_holds_text_address_or_password(tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    with structlog.testing.capture_logs() as lines:
        async with mail_server(IMPLICIT, tls) as server:
            await send(server.address(IMPLICIT), trust)
            with pytest.raises(MailRefused):
                await send(server.address(IMPLICIT), trust, to=STRANGER)
    assert [line["event"] for line in lines] == ["mail sent", "mail not sent"]
    assert lines[1]["code"] == "mail_refused"
    for secret in ("canary", PASSWORD, "ann@example.com", STRANGER, "Bestätigen"):
        assert secret not in str(lines), secret


async def test_many_are_sent_at_once(tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with mail_server(IMPLICIT, tls) as server:
        await asyncio.gather(
            *(send(server.address(IMPLICIT), trust, to=f"ann{n}@example.com") for n in range(10))
        )
    assert {envelope.rcpt_tos[0] for envelope in server.inbox.envelopes} == {
        f"ann{n}@example.com" for n in range(10)
    }
