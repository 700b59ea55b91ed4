"""A bank, both applications over TLS, and a user with a browser, all with their own database connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from argon2.profiles import CHEAPEST

from dashtam.app import create_app, create_callback_app
from dashtam.audit.caller import UNKNOWN
from dashtam.cache import Cache
from dashtam.devenv.project.certificates import Certificates
from dashtam.models import Provider, Revocation, SessionKind, User
from dashtam.providers.registry import Registry
from dashtam.resources import Resources, open_resources
from dashtam.settings.model import Settings, TestSettings
from tests.support.banks.bank import Bank, BankAdapter
from tests.support.banks.in_loop import serving_here, trusting
from tests.support.makers.rows import make_provider, make_user
from tests.support.people.linking import OWN, relinked
from tests.support.servers.ports import free_ports

MAX_AT_ONCE = 50


@dataclass
class Town:
    """The running servers, and a user who is signed in."""

    bank: Bank
    app: str
    callback: str
    callback_port: int
    user: User
    provider: Provider
    token: str
    certificates: Certificates

    def browser(self) -> httpx.AsyncClient:
        """Return a browser, which sends its cookies to every port of the host."""
        limits = httpx.Limits(max_connections=MAX_AT_ONCE)
        return httpx.AsyncClient(verify=trusting(self.certificates), timeout=60, limits=limits)

    async def begin(self, browser: httpx.AsyncClient, alias: str = "x") -> tuple[str, str]:
        """Go as far as the bank's redirect, and return the connection's id and the redirect's URL."""
        begun = await browser.post(
            f"{self.app}/api/v1/connections",
            json={"provider_key": self.provider.key, "alias": alias},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        assert begun.status_code == 201, begun.text
        link = begun.json()["link"]
        page = await browser.get(link)
        proof = page.text.partition('name="proof" value="')[2].partition('"')[0]
        sent = await browser.post(link, data={"proof": proof}, headers=OWN)
        assert sent.status_code == 303, sent.text
        return begun.json()["id"], (await browser.get(sent.headers["Location"])).headers["Location"]


@asynccontextmanager
async def founded(settings: TestSettings, certificates: Certificates) -> AsyncIterator[Town]:
    """Serve everything until the end of the context, and remove the stored rows then."""
    bank, (app_port, callback_port) = Bank(), free_ports(2)
    urls = {"APP_URL": f"https://localhost:{app_port}", "CALLBACK_URL": f"https://localhost:{callback_port}"}
    ours = settings.model_copy(update=urls)
    async with (
        _stored(f"town_{app_port}") as (user, provider),
        open_resources(settings, process="pytest", hashing=CHEAPEST) as resources,
        serving_here(bank.app(), certificates) as bank_port,
        # Closed before the bank, which waits until its connections have ended.
        httpx.AsyncClient(verify=trusting(certificates), timeout=60) as web,
    ):
        await _forget_counts(resources.cache)
        bank.issuer = f"https://localhost:{bank_port}"
        registry = Registry([BankAdapter(provider.key, bank.issuer, web, bank.issuer)])
        linked = relinked(resources, registry, settings=ours)
        async with _both(linked, ours, certificates, app_port, callback_port):
            token = await _sign_in(resources, user)
            yield Town(
                bank, ours.APP_URL, ours.CALLBACK_URL, callback_port, user, provider, token, certificates
            )


@asynccontextmanager
async def _stored(name: str) -> AsyncIterator[tuple[User, Provider]]:
    user = await make_user(email=f"{name}@example.com")
    provider = await make_provider(key=name)
    try:
        yield user, provider
    finally:
        await user.delete()
        await Revocation.filter(provider_id=provider.id).delete()
        await provider.delete()


@asynccontextmanager
async def _both(
    resources: Resources, settings: Settings, certificates: Certificates, app_port: int, callback_port: int
) -> AsyncIterator[None]:
    app, callback = (create(settings, resources=resources) for create in (create_app, create_callback_app))
    async with (
        serving_here(app, certificates, port=app_port),
        serving_here(callback, certificates, port=callback_port),
    ):
        yield


async def _sign_in(resources: Resources, user: User) -> str:
    tokens = await resources.identity.sessions.start(user, kind=SessionKind.PROGRAM, name="x", caller=UNKNOWN)
    return tokens.access.get_secret_value()


async def _forget_counts(cache: Cache) -> None:
    redis = vars(cache)["_client"]
    for pattern in ("testing:attempts:*", "testing:callback:*:127.0.0.1"):
        async for key in redis.scan_iter(pattern):
            await redis.unlink(key)
