"""The resources of the application that answers a request; the refresher and the verbs do without a web framework."""

from typing import Final

from quart import Quart, current_app

from dashtam.resources import Resources

_EXTENSION: Final = "dashtam"


def hold(app: Quart, resources: Resources | None) -> None:
    """Give an application its resources, or take them away."""
    app.extensions[_EXTENSION] = resources


def held_by(app: Quart) -> Resources:
    """The resources of an application that is being served."""
    resources = app.extensions[_EXTENSION]
    if not isinstance(resources, Resources):
        raise TypeError(f"{app.name} is not being served: it holds no resources")
    return resources


def current_resources() -> Resources:
    """The resources of the application that answers the current request."""
    return held_by(current_app)
