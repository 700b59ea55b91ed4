"""Two servers on this machine."""

from collections.abc import AsyncIterator

import pytest

from dashtam.devenv.project.certificates import Certificates
from tests.support.banks.wire_server import Reply, WireServer, wire_server


@pytest.fixture
async def server(certificates: Certificates) -> AsyncIterator[WireServer]:
    async with wire_server(lambda _: Reply(body=b"{}"), certificates) as running:
        yield running


@pytest.fixture
async def stranger(certificates: Certificates) -> AsyncIterator[WireServer]:
    async with wire_server(lambda _: Reply(body=b'{"stranger": true}'), certificates) as running:
        yield running
