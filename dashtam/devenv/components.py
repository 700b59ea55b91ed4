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


def is_idle(component: Component, mode: Mode) -> bool:
    """Whether a component is there without serving, and so binds no port: app, while tests run in it."""
    return component is Component.APP and mode is Mode.TESTING
