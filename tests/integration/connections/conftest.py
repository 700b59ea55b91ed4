"""Both applications in this process, in the database transaction of the test, and a bank on a port of its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from argon2.profiles import CHEAPEST
from quart.typing import TestClientProtocol as Client
from tortoise.backends.base.client import BaseDBAsyncClient
from uuid_utils.compat import uuid7

from dashtam.app import create_app, create_callback_app
from dashtam.audit.caller import UNKNOWN
from dashtam.devenv.project.certificates import Certificates, ensure_certificates
from dashtam.models import AuditEntry, Provider, SessionKind, User
from dashtam.providers.registry import Registry
from dashtam.resources import Resources, open_resources
from dashtam.settings.model import TestSettings
from tests.support.banks.bank import Bank, BankAdapter, PasteAdapter
from tests.support.banks.in_loop import serving_here, trusting
from tests.support.makers.rows import make_provider, make_user
from tests.support.people.linking import Person, Sign, Story, relinked
from tests.support.people.surfer import Surfer
from tests.support.people.visitors import VISITORS_IP, Visitor

COUNTED = ("testing:attempts:*", f"testing:callback:*:{VISITORS_IP}", "testing:callback:*:unknown")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("certificates")
    ensure_certificates(folder)
    return Certificates(folder)


@pytest.fixture
async def bank(certificates: Certificates) -> AsyncIterator[Bank]:
    """A provider that answers over TLS."""
    bank = Bank()
    async with serving_here(bank.app(), certificates) as port:
        bank.issuer = f"https://localhost:{port}"
        yield bank


@pytest.fixture
async def web(certificates: Certificates) -> AsyncIterator[httpx.AsyncClient]:
    """What reaches the bank: the adapter's connections, and those of whoever is sent there."""
    async with httpx.AsyncClient(verify=trusting(certificates), timeout=20) as client:
        yield client


@pytest.fixture
async def provider(transaction: BaseDBAsyncClient) -> Provider:
    await make_provider(key="paste")
    return await make_provider()


@pytest.fixture
def adapter(bank: Bank, web: httpx.AsyncClient, provider: Provider) -> BankAdapter:
    return BankAdapter(provider.key, bank.issuer, web, bank.issuer)


@pytest.fixture
def registry(adapter: BankAdapter) -> Registry:
    return Registry([adapter, PasteAdapter("paste")])


@pytest.fixture
async def resources(
    transaction: BaseDBAsyncClient, settings: TestSettings, registry: Registry
) -> AsyncIterator[Resources]:
    async with open_resources(settings, process="pytest", hashing=CHEAPEST) as resources:
        redis = vars(resources.cache)["_client"]
        for pattern in COUNTED:
            async for key in redis.scan_iter(pattern):
                await redis.unlink(key)
        yield relinked(resources, registry)


@pytest.fixture
def app(resources: Resources) -> Client:
    return create_app(resources.settings, resources=resources).test_client(use_cookies=False)


@pytest.fixture
def callback(resources: Resources) -> Client:
    return create_callback_app(resources.settings, resources=resources).test_client(use_cookies=False)


@pytest.fixture
def surfer(app: Client, callback: Client) -> Surfer:
    return Surfer(app, callback)


@pytest.fixture
def sign_in(resources: Resources, surfer: Surfer, provider: Provider, web: httpx.AsyncClient) -> Sign:
    """Makes somebody who is signed in as a program, or in the browser."""

    async def make(kind: SessionKind = SessionKind.PROGRAM, user: User | None = None) -> Person:
        user = user or await make_user()
        tokens = await resources.identity.sessions.start(user, kind=kind, name="x", caller=UNKNOWN)
        theirs, token = surfer.copy(), tokens.access.get_secret_value()
        visitor = Visitor(surfer.app, token)
        if kind is SessionKind.BROWSER:
            theirs.cookies["__Host-dashtam"] = token
        return Person(user, visitor, theirs, provider.key, web, tokens.session.id)

    return make


@pytest.fixture
async def ada(sign_in: Sign) -> Person:
    return await sign_in()


@pytest.fixture
def since() -> UUID:
    return uuid7()


@pytest.fixture
def story(since: UUID) -> Story:
    """What has been audited since the test began: `action outcome [reason]`."""

    async def tell() -> list[str]:
        entries = await AuditEntry.filter(id__gt=since).order_by("sequence")
        return [f"{e.action} {e.outcome} {e.details.get('reason', '')}".strip() for e in entries]

    return tell
