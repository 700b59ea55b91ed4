"""A bank that rotates its tokens, and a connection with it that every process sees."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dashtam.cache import Cache, open_cache
from dashtam.disposable.verification import VerifiedTestDatabase
from dashtam.settings.model import TestSettings
from dashtam.tokens.refreshing import Refreshes
from tests.support.banks.token_adapter import PROFILE, TokenAdapter
from tests.support.banks.token_caller import build_refreshes
from tests.support.banks.token_server import TokenServer, serving_tokens
from tests.support.people.connected import Connected, a_person, connect_bank, forget_refreshes


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bank")


@pytest.fixture
def bank(authority: Path) -> Iterator[TokenServer]:
    with serving_tokens(authority) as server:
        yield server


@pytest.fixture
async def cache(settings: TestSettings) -> AsyncIterator[Cache]:
    async with open_cache(settings.cache, environment="testing", process="pytest") as cache:
        await forget_refreshes(cache)
        yield cache
        await forget_refreshes(cache)


@pytest.fixture
async def connected(
    database: VerifiedTestDatabase, bank: TokenServer, settings: TestSettings, cache: Cache
) -> AsyncIterator[Connected]:
    async with a_person() as (user, provider):
        yield await connect_bank(bank, settings, user=user, provider=provider)


@pytest.fixture
async def adapter(bank: TokenServer) -> AsyncIterator[TokenAdapter]:
    adapter = TokenAdapter(PROFILE, bank.url, bank.context())
    yield adapter
    await adapter.aclose()


@pytest.fixture
def refreshes(cache: Cache, settings: TestSettings, adapter: TokenAdapter) -> Refreshes:
    return build_refreshes(cache, settings, adapter)
