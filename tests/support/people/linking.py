"""Connects users with the test's own providers, through every step of the flow."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import httpx
from quart import Response

from dashtam.cache import Cache
from dashtam.models import ProviderConnection, User
from dashtam.providers.registry import Registry
from dashtam.resources import Resources, build_connections
from dashtam.sealing.keys import Keys
from dashtam.settings.model import Settings
from tests.support.people.surfer import Surfer
from tests.support.people.visitors import Visitor


def relinked(
    resources: Resources,
    registry: Registry,
    *,
    settings: Settings | None = None,
    cache: Cache | None = None,
    keys: Keys | None = None,
) -> Resources:
    """Return the same resources with another registry and, if given, another cache, keys or settings."""
    settings, cache, keys = settings or resources.settings, cache or resources.cache, keys or resources.keys
    linking = build_connections(settings, cache, keys, resources.trail, resources.identity, registry)
    return replace(
        resources, settings=settings, cache=cache, keys=keys, registry=registry, connections=linking
    )


@dataclass
class Person:
    """A user who is signed in with a program and with a browser."""

    user: User
    visitor: Visitor
    surfer: Surfer
    provider_key: str
    web: httpx.AsyncClient
    session_id: UUID

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Send an API request, and return the status and the body."""
        response = await self.visitor.ask(method, path, body, **headers)
        return response.status_code, await response.get_json(
            force=True
        ) if response.status_code != 204 else None

    async def connect(self, alias: str = "Savings", **more: object) -> dict[str, Any]:
        """Begin a connection."""
        status, body = await self.ask(
            "POST", "connections", {"provider_key": self.provider_key, "alias": alias, **more}
        )
        assert status == 201, body
        assert isinstance(body, dict)
        return body

    async def follow(self, link: str) -> str:
        """Open a link, submit its page, and return the URL of the bank's page."""
        page = await self.surfer.open(link)
        assert page.status_code == 200, await page.get_data(as_text=True)
        sent = await self.surfer.open(link, "POST", form={"proof": await proof(page)}, headers=OWN)
        assert sent.status_code == 303, await sent.get_data(as_text=True)
        return sent.headers["Location"]

    async def agree(self, authorization_url: str) -> str:
        """Agree at the bank, and return the URL of its redirect."""
        return (await self.web.get(authorization_url)).headers["Location"]

    async def reach_callback(self, alias: str = "Savings", **more: object) -> tuple[dict[str, Any], str]:
        """Go as far as the bank's redirect, and return the connection and the redirect's URL."""
        begun = await self.connect(alias, **more)
        return begun, await self.agree(await self.follow(begun["link"]))

    async def complete(self, alias: str = "Savings", **more: object) -> ProviderConnection:
        """Complete a connection, and return its row."""
        begun, redirect = await self.reach_callback(alias, **more)
        assert (await self.surfer.open(redirect)).status_code == 303
        return await ProviderConnection.get(id=begun["id"])


OWN: Final = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
Sign = Callable[..., Awaitable[Person]]
Story = Callable[[], Awaitable[list[str]]]


async def proof(page: Response) -> str:
    """Return the hidden field of the page that asks for confirmation."""
    text = await page.get_data(as_text=True)
    return text.partition('name="proof" value="')[2].partition('"')[0]
