"""The four running parts, and what they run for."""

from enum import StrEnum


class Mode(StrEnum):
    """What the components run for; production is not the business of the developer environment."""

    DEVELOPMENT = "development"
    TESTING = "testing"


class Component(StrEnum):
    """One of the four running parts."""

    POSTGRES = "postgres"
    REDIS = "redis"
    APP = "app"
    CALLBACK = "callback"


STORES = (Component.POSTGRES, Component.REDIS)
SERVERS = (Component.APP, Component.CALLBACK)
