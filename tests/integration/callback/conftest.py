"""The callback application in this process, in the database transaction of the test."""

from collections.abc import AsyncIterator

import pytest
from argon2.profiles import CHEAPEST
from quart.typing import TestClientProtocol as Client
from redis.asyncio import Redis
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.app import create_callback_app
from dashtam.cache import key_prefix, refused_callbacks
from dashtam.resources import Resources, open_resources
from dashtam.settings.model import TestSettings


@pytest.fixture
async def resources(transaction: BaseDBAsyncClient, settings: TestSettings) -> AsyncIterator[Resources]:
    async with open_resources(settings, process="pytest", hashing=CHEAPEST) as resources:
        yield resources


COUNTED = [key_prefix("testing") + refused_callbacks(ip) for ip in ("unknown", "127.0.0.2")]


@pytest.fixture
async def client(resources: Resources, settings: TestSettings) -> AsyncIterator[Client]:
    """A client whose address has no refused attempts."""
    at = settings.cache
    password = at.password.get_secret_value() if at.password else None
    async with Redis(host=at.host, port=at.port, db=at.index, username=at.user, password=password) as redis:
        await redis.unlink(*COUNTED)
        yield create_callback_app(settings, resources=resources).test_client()
        await redis.unlink(*COUNTED)
