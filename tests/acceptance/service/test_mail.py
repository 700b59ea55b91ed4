"""`invoke mail`: an e-mail that development did not send is shown by number, and on a page."""

from tests.support.projects.project import ThrowawayProject

SEND = """
import asyncio
from dashtam.resources import open_resources
from dashtam.settings.model import Settings
from dashtam.settings.loading import load_settings

async def main():
    async with open_resources(load_settings(Settings), process="script") as resources:
        await resources.mailer.send(to="ada@example.com", subject="Grüße", text="Open https://localhost/verify?token=1")

asyncio.run(main())
"""


def test_the_verb_shows_what_development_did_not_send(development: ThrowawayProject) -> None:
    development.done("exec", "app", "--", "python", "-c", SEND)
    newest = development.done("mail").splitlines()[0]
    assert newest.startswith("  1  ")
    assert newest.endswith("ada@example.com  Grüße")
    assert "Open https://localhost/verify?token=1" in development.done("mail", "--show", "1")
    missing = development.invoke("mail", "--show", "999")
    assert missing.code == 1
    assert "e-mail 999 does not exist" in missing.output
    assert b'<a href="https://localhost/verify?token=1">' in development.fetch("/mailbox")
    assert b"(/mailbox)" in development.fetch("/openapi.json")
