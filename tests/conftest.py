"""Lets tests run on the verified test database alone, and hands it to them, one database transaction each."""

from collections.abc import AsyncIterator

import hypothesis
import pytest
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from dashtam.audit.trail import AuditTrail
from dashtam.database.lifespan import connect
from dashtam.disposable.verification import VerifiedTestDatabase, open_verified
from dashtam.errors import DashtamError
from dashtam.sealing.keys import Keys
from dashtam.settings.model import TestSettings
from tests.support.gate import REFUSED, needs_database, sentence, verify
from tests.support.network import refuse_external_calls

# The same draws in every run, so that none fails by chance; by hand: --hypothesis-profile=thorough
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile(
    "thorough",
    max_examples=20_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("steady")

VERIFIED = pytest.StashKey[VerifiedTestDatabase]()


def pytest_configure(config: pytest.Config) -> None:
    """Verify before anything is collected: importing a test module may already do harm."""
    if config.option.help or not needs_database(config.args, config.invocation_params.dir):
        return
    try:
        verified = verify()
    except DashtamError as error:
        pytest.exit(sentence(error), returncode=REFUSED)
    config.stash[VERIFIED] = verified
    settings = verified.settings
    if settings.DISABLE_EXTERNAL_CALLS:
        refuse_external_calls({settings.database.host, settings.cache.host})


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> TestSettings:
    """The settings of the verified test environment."""
    verified = request.config.stash.get(VERIFIED, None)
    if verified is None:
        pytest.fail(
            "acceptance tests have no database of their own run; start a server in the test", pytrace=False
        )
    return verified.settings


@pytest.fixture(scope="session")
async def database(settings: TestSettings) -> AsyncIterator[VerifiedTestDatabase]:
    """The test database, verified again on the connection that holds its lock while the tests run."""
    async with (
        open_verified(settings, process="pytest", exclusive=False) as verified,
        connect(settings, process="pytest"),
    ):
        # The first data key is made in a database transaction of its own, which would wait for that of a test.
        await _build_keys(settings).reload()
        yield verified


@pytest.fixture
async def transaction(database: VerifiedTestDatabase) -> AsyncIterator[BaseDBAsyncClient]:
    """A database transaction that every query of the test is part of, and that is rolled back after it.

    Code under test that opens database transactions of its own gets savepoints.
    """
    async with in_transaction() as connection:
        yield connection
        await connection.rollback()


@pytest.fixture
async def statements(transaction: BaseDBAsyncClient) -> AsyncIterator[list[str]]:
    """Every statement that the connection of the test sends, as it is sent."""
    sent: list[str] = []
    connection = vars(transaction)["_connection"]
    listener = lambda query: sent.append(query.query)  # noqa: E731
    connection.add_query_logger(listener)
    yield sent
    connection.remove_query_logger(listener)


@pytest.fixture
def trail(settings: TestSettings) -> AuditTrail:
    """The writer of audit entries, with the keys that real servers have here."""
    return AuditTrail(settings.token_keys)


@pytest.fixture
def keys(settings: TestSettings) -> Keys:
    """The data keys, wrapped with the keys that real servers have here."""
    return _build_keys(settings)


def _build_keys(settings: TestSettings) -> Keys:
    trail = AuditTrail(settings.token_keys)
    return Keys(settings.token_keys, environment=settings.ENVIRONMENT.value, trail=trail)
