"""Builds the two inputs of the decision to destroy a database: the settings, and the observation of the server."""

from typing import Any, Final

from pydantic import SecretStr

from dashtam.disposable.decision import Observation, expected_stamp
from dashtam.settings.model import Environment, TestSettings

CLUSTER: Final = "7000000000000000001"
TEST_URL: Final = "postgresql+asyncpg://dashtam_test_user:test_password@127.0.0.1:5432/dashtam_test"


def make_test_settings(**values: object) -> TestSettings:
    """Return settings without validating them, because the decision must not depend on the validation."""
    defaults: dict[str, Any] = {
        "ENVIRONMENT": Environment.TESTING,
        "TESTING": True,
        "DATABASE_URL": SecretStr(TEST_URL),
        "REDIS_URL": SecretStr("redis://:redis_password@127.0.0.1:6379/1"),
        "CLUSTER_IDENTIFIER": CLUSTER,
        "DEVELOPMENT_DATABASE": "127.0.0.1:5432/dashtam",
    }
    return TestSettings.model_construct(**defaults | values)


def make_observation(**values: object) -> Observation:
    """Return the observation of a server and a database without any reason to refuse."""
    defaults: dict[str, Any] = {
        "database": "dashtam_test",
        "user": "dashtam_test_user",
        "owner": "dashtam_test_user",
        "schemas": ("public",),
        "cluster_identifier": CLUSTER,
        "in_recovery": False,
        "stamp": expected_stamp(CLUSTER),
        "is_template": False,
        "is_privileged": False,
        "reaches_development": False,
        "foreign_sessions": (),
        "foreign_servers": (),
        "tables": (),
    }
    return Observation(**defaults | values)
