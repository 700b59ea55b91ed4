"""Without a mail server, e-mail is kept in a mailbox for developers; production has no mailbox."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from dashtam.app import create_app
from dashtam.cache import Cache, key_prefix, mailbox, open_cache
from dashtam.commands.mailbox import show
from dashtam.errors import CacheNotReady, InvalidRequest, NotFound
from dashtam.mail import build_mailer
from dashtam.mail.mailbox import Mailbox
from dashtam.mail.smtp import SmtpMailer
from dashtam.resources import Resources, open_resources
from dashtam.settings.addresses import CacheAddress
from dashtam.settings.errors import SettingsError
from dashtam.settings.model import Environment, Settings, TestSettings

LINK = "https://localhost:8000/verify?token=abc&then=%2F"


@pytest.fixture(name="cache")
async def _cache(settings: TestSettings) -> AsyncIterator[Cache]:
    """A cache whose mailbox is empty before and after."""
    at = settings.cache
    password = at.password.get_secret_value() if at.password else None
    async with (
        Redis(host=at.host, port=at.port, db=at.index, username=at.user, password=password) as redis,
        open_cache(at, environment="testing", process="test") as cache,
    ):
        await redis.unlink(key_prefix("testing") + mailbox())
        yield cache
        await redis.unlink(key_prefix("testing") + mailbox())


@pytest.fixture(name="box")
def _box(cache: Cache) -> Mailbox:
    return Mailbox(cache, sender="dashtam@localhost")


def elsewhere(settings: TestSettings, **changes: object) -> Settings:
    """Return the same settings for another environment."""
    return Settings.model_construct(**(settings.model_dump() | changes))


async def test_sent_mail_is_listed_newest_first(box: Mailbox) -> None:
    await box.send(to="ann@example.com", subject="Erste ✓", text=f"Öffnen:\n\n{LINK}\n")
    await box.send(to="jörg@example.com", subject="Second", text="x" * 500 + "\n")
    second, first = await box.list_emails()
    assert (first.to, first.subject, first.text) == ("ann@example.com", "Erste ✓", f"Öffnen:\n\n{LINK}\n")
    assert (second.to, second.text) == ("jörg@example.com", "x" * 500 + "\n")
    assert first.sender == "Dashtam <dashtam@localhost>"
    assert LINK not in repr(first)


async def test_the_mailbox_keeps_the_newest_hundred(box: Mailbox) -> None:
    for number in range(103):
        await box.send(to="ann@example.com", subject=f"Email {number}", text="")
    emails = await box.list_emails()
    assert [email.subject for email in emails] == [f"Email {number}" for number in range(102, 2, -1)]


async def test_kept_mail_expires(cache: Cache) -> None:
    await cache.push(mailbox(), "short-lived", most=1, ttl=timedelta(seconds=1))
    async with asyncio.timeout(30):
        while await cache.list_values(mailbox()):  # noqa: ASYNC110 - a probe with a deadline
            await asyncio.sleep(0.05)


async def test_the_mailbox_refuses_what_mail_servers_refuse(box: Mailbox) -> None:
    with pytest.raises(InvalidRequest):
        await box.send(to="ann@example.com\nBcc: x@y", subject="s", text="t")
    assert await box.list_emails() == []


async def test_without_redis_the_mailbox_raises_a_typed_error() -> None:
    at = CacheAddress("127.0.0.1", 1, 1, SecretStr("x"))
    async with open_cache(at, environment="testing", process="test") as cache:
        box = Mailbox(cache, sender="dashtam@localhost")
        with pytest.raises(CacheNotReady):
            await box.send(to="ann@example.com", subject="s", text="t")
        with pytest.raises(CacheNotReady):
            await box.list_emails()


async def test_the_settings_choose_the_mailer_and_production_has_no_mailbox(
    cache: Cache, settings: TestSettings
) -> None:
    assert isinstance(build_mailer(settings, cache), Mailbox)
    server = elsewhere(settings, SMTP_URL=SecretStr("smtps://u:p@mail.example.com"))
    assert isinstance(build_mailer(server, cache), SmtpMailer)
    with pytest.raises(SettingsError, match="production has no mailbox"):
        build_mailer(elsewhere(settings, ENVIRONMENT=Environment.PRODUCTION), cache)


async def test_the_command_lists_and_shows(box: Mailbox, settings: TestSettings) -> None:
    assert await show(settings, number=None) == "no e-mail"
    await box.send(to="ann@example.com", subject="Older", text="older")
    await box.send(to="ann@example.com", subject="Confirm", text=f"Open\x1b[2J\n{LINK}\n")
    newest, older = (await show(settings, number=None)).splitlines()
    assert newest.startswith("  1  ")
    assert newest.endswith("ann@example.com  Confirm")
    assert older.endswith("Older")
    whole = await show(settings, number=1)
    assert "To: ann@example.com\n" in whole
    assert whole.endswith(f"\n\nOpen [2J\n{LINK}")
    for number in (0, 3, -1):
        with pytest.raises(NotFound, match="the mailbox holds 2"):
            await show(settings, number=number)
    with pytest.raises(InvalidRequest, match="SMTP_URL is set"):
        await show(elsewhere(settings, SMTP_URL=SecretStr("smtp://127.0.0.1:1")), number=None)


@pytest.fixture(name="resources")
async def _resources(cache: Cache, settings: TestSettings) -> AsyncIterator[Resources]:
    async with open_resources(settings, process="pytest") as resources:
        yield resources


async def test_development_shows_the_mailbox_on_a_page_where_only_links_are_markup(
    box: Mailbox, resources: Resources, settings: TestSettings
) -> None:
    development = elsewhere(settings, ENVIRONMENT=Environment.DEVELOPMENT)
    client = create_app(development, resources=resources).test_client()
    assert "No mail." in await (await client.get("/mailbox")).get_data(as_text=True)
    hostile = "<script>alert(1)</script>"
    await box.send(to="ann@example.com", subject=hostile, text=f'{hostile} {LINK} https://x/"><b {{letters}}')
    response = await client.get("/mailbox")
    page = await response.get_data(as_text=True)
    assert response.status_code == 200
    assert "<script" not in page
    assert "<b " not in page
    assert '<a href="https://localhost:8000/verify?token=abc&amp;then=%2F">' in page
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert response.headers["Cache-Control"] == "no-store"
    document = await (await client.get("/openapi.json")).get_json()
    assert "(/mailbox)" in document["info"]["description"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ENVIRONMENT": Environment.DEVELOPMENT, "SMTP_URL": SecretStr("smtp://127.0.0.1:1")},
        {"ENVIRONMENT": Environment.PRODUCTION, "SMTP_URL": SecretStr("smtps://u:p@mail.example.com")},
        {"ENVIRONMENT": Environment.PRODUCTION},
    ],
)
async def test_no_other_environment_has_the_mailbox_page(
    resources: Resources, settings: TestSettings, changes: dict[str, object]
) -> None:
    client = create_app(elsewhere(settings, **changes), resources=resources).test_client()
    assert (await client.get("/mailbox")).status_code == 404
    document = await (await client.get("/openapi.json")).get_json()
    assert "mailbox" not in str(document)
