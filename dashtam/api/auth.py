"""Who may call what: every endpoint needs a user, unless it is listed here."""

from typing import Final

from quart import Quart, request

from dashtam.errors import NotAuthenticated

PUBLIC_ENDPOINTS: Final = frozenset(
    {
        "health.live",
        "health.ready",
        "providers.list_providers",
        "documentation.openapi",
        "documentation.page",
        "documentation.static",
    }
)
"""Answers to anyone. Nothing here may tell of a user, a connection, or what a setting holds."""


def register(app: Quart) -> None:
    """Deny every endpoint that is not public; there is no sign-in yet, so nobody is a user."""
    app.before_request(_require_user)


async def _require_user() -> None:
    if request.endpoint is not None and request.endpoint not in PUBLIC_ENDPOINTS:
        raise NotAuthenticated(f"{request.endpoint} was called without a user")
