"""On a fresh machine, with no credentials of any kind: a browser outside, and the callback's own process inside."""

import json
import re
import ssl
import urllib.error
import urllib.request
from email.message import Message
from typing import IO
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.support.projects.project import ThrowawayProject

OPENED = """
import asyncio, json, sys
from pydantic import SecretStr
from dashtam.connections.pkce import challenge_of
from dashtam.resources import open_resources
from dashtam.settings.model import Settings
from dashtam.settings.loading import load_settings

verifier = SecretStr("v" * 43)
async def main():
    settings = load_settings(Settings)
    redirect_uri = settings.CALLBACK_URL + "/callback/sandbox"
    async with open_resources(settings, process="script") as resources:
        adapter = resources.registry.get_usable("sandbox")
"""
LINK = f"""{OPENED}
        challenge = challenge_of(verifier)
        print(adapter.authorization_url(state=SecretStr("s"), challenge=challenge, redirect_uri=redirect_uri))
asyncio.run(main())
"""
LIFE = f"""{OPENED}
        grant = await adapter.exchange(SecretStr(sys.argv[1]), verifier=verifier, redirect_uri=redirect_uri)
        fresh = await adapter.refresh(grant)
        revoked = await adapter.revoke(fresh.refresh_token, hint="refresh_token")
        print(json.dumps([str(grant.expires_at), str(fresh.expires_at), fresh.scope, revoked]))
asyncio.run(main())
"""


class Staying(urllib.request.HTTPRedirectHandler):
    """Stays where it is redirected, as a test has to look there."""

    def redirect_request(
        self,
        _req: urllib.request.Request,
        _fp: IO[bytes],
        _code: int,
        _msg: str,
        _headers: Message,
        _newurl: str,
    ) -> None:
        """Follow nothing."""


def browse(project: ThrowawayProject, link: str) -> dict[str, list[str]]:
    """Open the consent page and allow; what the browser would carry to the callback."""
    trust = ssl.create_default_context(cafile=str(project.home / "certificates" / "ca.pem"))
    browser = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust), Staying)
    with browser.open(link, timeout=60) as page:
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page.read().decode())
    form = urlencode({"ticket": ticket, "answer": "allow"}).encode()
    post = urllib.request.Request(link.partition("?")[0], form, {"Cookie": cookie})
    with pytest.raises(urllib.error.HTTPError) as answer:
        browser.open(post, timeout=60)
    with answer.value as redirect:
        assert redirect.code == 303
        return parse_qs(urlsplit(redirect.headers["Location"]).query)


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_the_sandbox_is_connected_to_from_the_process_of_the_callback(development: ThrowawayProject) -> None:
    catalogue = json.loads(development.fetch("/api/v1/providers?limit=100"))
    available = {entry["key"]: entry["is_available"] for entry in catalogue["items"]}
    assert available["sandbox"]
    assert not available["schwab"]
    link = last_line(development.done("exec", "callback", "--", "python", "-c", LINK))
    back = browse(development, link)
    assert back["iss"] == [f"https://localhost:{development.ports['APP_PORT']}/sandbox"]
    life = development.done("exec", "callback", "--", "python", "-c", LIFE, back["code"][0])
    expires_at, refreshed, scope, revoked = json.loads(last_line(life))
    assert refreshed > expires_at
    assert (scope, revoked) == ("accounts transactions", True)


def test_its_knobs_are_turned_from_a_shell(development: ThrowawayProject) -> None:
    turned = development.done("exec", "app", "--", "python", "-m", "dashtam.sandbox", '{"fault": "503"}')
    assert json.loads(turned)["knobs"]["fault"] == "503"
    rested = development.done("exec", "app", "--", "python", "-m", "dashtam.sandbox", "{}")
    assert json.loads(rested)["knobs"]["fault"] == "none"
