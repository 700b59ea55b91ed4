"""The five running parts, and what they run for."""

from enum import StrEnum
from typing import Final

LOOPBACK: Final = "127.0.0.1"
SNAPSHOT_PREFIX: Final = "dashtam_snapshot_"
"""How the databases that are snapshots are called; docker/snapshot.sh knows it too."""


class Mode(StrEnum):
    """What the components run for; production is not the business of the developer environment."""

    DEVELOPMENT = "development"
    TESTING = "testing"


class EngineName(StrEnum):
    """How the components run."""

    COMPOSE = "compose"
    EMBEDDED = "embedded"


class Component(StrEnum):
    """One of the five running parts."""

    POSTGRES = "postgres"
    REDIS = "redis"
    APP = "app"
    CALLBACK = "callback"
    REFRESHER = "refresher"


STORES = (Component.POSTGRES, Component.REDIS)
SERVERS = (Component.APP, Component.CALLBACK, Component.REFRESHER)
"""What runs our code; of these refresher serves nobody, and has no port."""
AWAY_IN_TESTS = (Component.CALLBACK, Component.REFRESHER)
"""Do not run in testing mode: nothing calls back while tests run, and nothing changes behind their back."""


def is_idle(component: Component, mode: Mode) -> bool:
    """Whether a component is there without serving, and so binds no port: app, while tests run in it."""
    return component is Component.APP and mode is Mode.TESTING


def is_away(component: Component, mode: Mode) -> bool:
    """Whether a component does not run at all in a mode."""
    return component in AWAY_IN_TESTS and mode is Mode.TESTING
