"""The API in this process, in the database transaction of the test."""

from collections.abc import AsyncIterator

import pytest
from quart import Quart
from quart.typing import TestClientProtocol as Client
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.app import create_app
from dashtam.resources import Resources, open_resources
from dashtam.settings import TestSettings


@pytest.fixture
async def resources(transaction: BaseDBAsyncClient, settings: TestSettings) -> AsyncIterator[Resources]:
    async with open_resources(settings, process="pytest") as resources:
        yield resources


@pytest.fixture
def app(resources: Resources, settings: TestSettings) -> Quart:
    return create_app(settings, resources=resources)


@pytest.fixture
def client(app: Quart) -> Client:
    return app.test_client()
