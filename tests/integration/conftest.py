"""Servers of the tests' own are believed by a client that leaves this process as every call of ours does."""

from collections.abc import AsyncIterator

import pytest

from dashtam.devenv.project.certificates import Certificates, ensure_certificates
from dashtam.outgoing import Outgoing, open_outgoing
from dashtam.settings.model import TestSettings


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    home = tmp_path_factory.mktemp("authority")
    ensure_certificates(home)
    return Certificates(home)


@pytest.fixture(scope="module")
def trusting(settings: TestSettings, certificates: Certificates) -> TestSettings:
    """Settings of a process that believes the authority of the servers."""
    return settings.model_copy(update={"EXTRA_CA_FILE": str(certificates.authority), "SANDBOX_SERVER": ""})


@pytest.fixture
async def outgoing(trusting: TestSettings) -> AsyncIterator[Outgoing]:
    async with open_outgoing(trusting) as outgoing:
        yield outgoing
