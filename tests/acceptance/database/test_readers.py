"""Whatever URL the settings of the tests accept, Tortoise, asyncpg and libpq read as the same local test database."""

import asyncio
import importlib
import os
import subprocess
from collections.abc import Callable
from typing import Any, Final

import asyncpg
import pytest
from hypothesis import event, find, given
from hypothesis import strategies as st
from pydantic import ValidationError
from tortoise import Tortoise
from tortoise.connection import get_connection

from dashtam.database.config import connection_parameters
from dashtam.settings.model import TEST_DATABASE_NAME, TestSettings
from tests.support.makers.hostile import LOCAL_HOSTS, NAMES, SCHEMES, hostile_urls
from tests.support.projects.readers import Reading, read_with_asyncpg, read_with_libpq, read_with_tortoise
from tests.support.servers.clusters import Cluster

READERS: Final[tuple[Callable[[str], Reading], ...]] = (
    read_with_tortoise,
    read_with_asyncpg,
    read_with_libpq,
)


@pytest.fixture(scope="module", autouse=True)
def _no_variables_of_libpq() -> None:
    assert not [name for name in os.environ if name.startswith("PG")]


def accept(url: str) -> TestSettings | None:
    """The settings of a test environment with this URL, or None where they refuse it."""
    try:
        return TestSettings(
            _env_file=None,
            ENVIRONMENT="testing",
            TESTING=True,
            DATABASE_URL=url,
            REDIS_URL="redis://:redis@127.0.0.1:6379/1",
            TOKEN_ENCRYPTION_KEYS="test:dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE=",
            CLUSTER_IDENTIFIER="7000000000000000001",
            DEVELOPMENT_DATABASE="127.0.0.1:5432/dashtam",
        )
    except ValidationError:
        return None


def for_clients(url: str) -> str:
    """The same URL with the scheme that all three take."""
    return "postgresql://" + url.partition("://")[2]


@given(url=hostile_urls())
def test_an_accepted_url_has_one_reading_and_that_is_a_local_test_database(url: str) -> None:
    settings = accept(url)
    event("accepted" if settings else "refused")
    if settings is None:
        return
    address = settings.database
    expected = Reading(
        (address.host,), address.port, address.user, address.password.get_secret_value(), address.name
    )
    for read in READERS:
        assert read(for_clients(url)) == expected, read.__name__
    assert address.host in {"127.0.0.1", "::1", "localhost", "postgres", "redis"}
    assert TEST_DATABASE_NAME.fullmatch(address.name)
    assert 1 <= address.port <= 65535


@pytest.mark.parametrize("part", [*LOCAL_HOSTS, *NAMES, *SCHEMES])
def test_the_strategy_draws_urls_that_are_accepted(part: str) -> None:
    find(hostile_urls(), lambda url: part in url and accept(url) is not None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_connected_for_real_all_three_are_in_the_same_database(cluster: Cluster, host: str) -> None:
    url = cluster.environment("testing")["DATABASE_URL"].replace("127.0.0.1", host)
    assert accept(url) is not None
    question = "SELECT current_database() || ' ' || current_user || ' ' || inet_server_port()"
    psql = subprocess.run(
        [str(cluster.binaries.postgres_bin / "psql"), for_clients(url), "-XAtqc", question],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )

    async def ask() -> list[str]:
        connection = await asyncpg.connect(for_clients(url))
        answers = [str(await connection.fetchval(question))]
        await connection.close()
        await Tortoise.init(
            db_url=for_clients(url).replace("postgresql", "asyncpg"), modules={"models": ["dashtam.models"]}
        )
        answers.append(
            str((await get_connection("default").execute_query_dict(question + " AS it"))[0]["it"])
        )
        await Tortoise.close_connections()
        return answers

    expected = f"dashtam_test dashtam_test_user {cluster.port}"
    assert [psql.stdout.strip(), *asyncio.run(ask())] == [expected] * 3


@given(
    values=st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from(
                ["decoy", "/decoy", "decoy,prod", "1", "any", "read-write", "-c search_path=evil"]
            )
            for name in (
                *("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSERVICE", "PGSERVICEFILE"),
                *("PGOPTIONS", "PGPASSFILE", "PGTARGETSESSIONATTRS", "PGAPPNAME", "PGHOSTADDR"),
            )
        },
    )
)
def test_no_variable_of_libpq_changes_where_our_parameters_lead(values: dict[str, str]) -> None:
    connect_utils: Any = importlib.import_module("asyncpg.connect_utils")
    settings = accept("postgresql+asyncpg://dashtam_test_user:test_password@127.0.0.1:5433/dashtam_test")
    assert settings is not None
    given_ = connection_parameters(settings.database, session="s")
    rest = dict.fromkeys(("dsn", "passfile", "service", "servicefile", "direct_tls", "krbsrvname", "gsslib"))
    given_.pop("timeout")
    server_settings = dict(given_["server_settings"])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        addresses, parameters = connect_utils._parse_connect_dsn_and_args(**given_, **rest)
    assert addresses == [("127.0.0.1", 5433)]
    assert (parameters.user, parameters.password) == ("dashtam_test_user", "test_password")
    assert parameters.database == "dashtam_test"
    assert parameters.server_settings == server_settings
