"""Clients are told where the database is in discrete parts, and nothing in the shell adds to them."""

import pytest

from dashtam.database.config import connection_parameters, session_name, tortoise_config
from tests.support.makers.disposables import make_test_settings


def test_every_part_that_a_pg_variable_could_supply_is_given() -> None:
    parameters = connection_parameters(make_test_settings().database, session="dashtam.testing.pytest")
    supplied = {"host", "port", "user", "password", "database", "ssl", "target_session_attrs"}
    assert supplied <= {name for name, value in parameters.items() if value is not None}
    assert parameters["server_settings"] == {
        "application_name": "dashtam.testing.pytest",
        "search_path": "public",
        "standard_conforming_strings": "on",
        "lock_timeout": "30s",
    }


def test_sessions_say_environment_and_process() -> None:
    assert session_name(make_test_settings(), "app") == "dashtam.testing.app"


def test_tortoise_gets_no_url() -> None:
    config = tortoise_config(make_test_settings(), "app")
    assert "://" not in str(config)


def test_importing_the_configuration_reads_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "nonsense")
    from dashtam.database import config

    with pytest.raises(AttributeError, match="no attribute 'OTHER'"):
        config.OTHER  # noqa: B018  # the access is the test
