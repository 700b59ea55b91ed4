"""The API in this process, and visitors of it."""

from tests.support.people.visiting import app, client, postbox, resources, signed_in, visitor

__all__ = ["app", "client", "postbox", "resources", "signed_in", "visitor"]
