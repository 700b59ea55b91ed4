"""The API in this process, in the database transaction of the test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from quart import Quart
from quart.typing import TestClientProtocol as Client
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.app import create_app
from dashtam.identity.passwords import open_passwords
from dashtam.models import Role, User
from dashtam.resources import Resources, build_identity, open_resources
from dashtam.settings.model import TestSettings
from tests.support.makers.rows import make_user
from tests.support.people.visitors import PASSWORD, Postbox, Visitor, forget_attempts

MakeVisitor = Callable[..., Awaitable[Visitor]]


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
async def resources(
    transaction: BaseDBAsyncClient, settings: TestSettings, postbox: Postbox
) -> AsyncIterator[Resources]:
    async with open_resources(settings, process="pytest", hashing=CHEAPEST) as resources:
        with open_passwords(CHEAPEST) as passwords:
            people = build_identity(
                resources.settings, resources.cache, resources.keys, passwords, resources.trail, postbox
            )
            yield replace(resources, identity=people)


@pytest.fixture
def app(resources: Resources, settings: TestSettings) -> Quart:
    return create_app(settings, resources=resources)


@pytest.fixture
def client(app: Quart) -> Client:
    return app.test_client(use_cookies=False)


@pytest.fixture
async def visitor(client: Client, resources: Resources) -> Visitor:
    """A client that is not signed in, with all counters of attempts at zero."""
    await forget_attempts(resources.cache)
    return Visitor(client)


@pytest.fixture
def signed_in(visitor: Visitor) -> MakeVisitor:
    """A factory of clients that have signed in as programs."""

    async def make(email: str, role: Role = Role.USER) -> Visitor:
        await make_person(email, role)
        someone = Visitor(visitor.client)
        await someone.sign_in(email)
        return someone

    return make


async def make_person(email: str, role: Role = Role.USER) -> User:
    """Store a user who can sign in."""
    hasher = PasswordHasher.from_parameters(CHEAPEST)
    return await make_user(email=email, password_hash=hasher.hash(PASSWORD), role=role)
