"""The sandbox in this process."""

from collections.abc import AsyncIterator

import pytest
from argon2.profiles import CHEAPEST
from quart.typing import TestClientProtocol as Client
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.app import create_app
from dashtam.resources import Resources, open_resources
from dashtam.settings.model import TestSettings


@pytest.fixture
async def resources(transaction: BaseDBAsyncClient, settings: TestSettings) -> AsyncIterator[Resources]:
    async with open_resources(settings, process="pytest", hashing=CHEAPEST) as resources:
        yield resources


@pytest.fixture
def client(resources: Resources, settings: TestSettings) -> Client:
    return create_app(settings, resources=resources).test_client(use_cookies=False)
