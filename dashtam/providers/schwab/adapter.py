"""Speaks to Schwab's Trader API: access tokens live 30 minutes, and a grant ends seven days after the sign-in.

The documentation requires an account; the details here come from existing clients (schwab-py, Schwabdev, schwab-go).
"""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from pydantic import Field

from dashtam.models import Authorization
from dashtam.outgoing import Outgoing, Response
from dashtam.providers.base import Profile
from dashtam.providers.errors import ClientRefused, GrantRefused, ProviderFailure, ResponseUnusable
from dashtam.providers.grants import read_members
from dashtam.providers.oauth import Client, Endpoints, OAuthClient, error_code
from dashtam.providers.settings import ClientSettings, provider_config
from dashtam.settings.model import Settings

PROFILE: Final = Profile(
    key="schwab",
    name="Charles Schwab",
    description="Brokerage accounts; Schwab requires a new sign-in every seven days.",
    website="https://www.schwab.com",
    authorization=Authorization.OAUTH2,
    scopes=("readonly",),
    # Schwab always grants "api"; the permissions of an app are set in the developer portal.
    required_scopes=frozenset(),
    access_ttl=timedelta(minutes=30),
    refresh_ttl=timedelta(days=7),
    is_refresh_ttl_fixed=True,
    warn_before=timedelta(days=1),
)


class SchwabSettings(ClientSettings):
    """The app key and secret of the developer portal; the app's callback is CALLBACK_URL/callback/schwab."""

    model_config = provider_config("SCHWAB_")

    API_URL: str = Field(
        "https://api.schwabapi.com",
        pattern=r"^https://[a-z0-9.-]+(:[0-9]{1,5})?$",
        description="The origin of Schwab's API.",
    )


SETTINGS: Final = SchwabSettings


class SchwabAdapter(OAuthClient):
    """Plain OAuth with HTTP Basic, except for Schwab's error responses."""

    def refuses_secret(self, response: Response) -> bool:
        """Whether the secret is wrong; `invalid_client` can also refer to the refresh token."""
        return super().refuses_secret(response) and not _names_refresh_token(response)

    def explain(self, response: Response, code: str | None, *, operation: str) -> ProviderFailure | None:
        """Return the error that a response means; for a refresh, three codes mean that the seven days are over."""
        is_expired = code in {"unsupported_token_type", "refresh_token_authentication_error"} or (
            code == "invalid_client" and _names_refresh_token(response)
        )
        if is_expired and operation == "refresh_token":
            return GrantRefused("schwab rejects the refresh token", detail=code or "")
        if (
            code is None
            and response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
            and _is_page(response)
        ):
            return ClientRefused("schwab returns a page: the app is not approved yet", detail="not_approved")
        return super().explain(response, code, operation=operation)


def build(own: SchwabSettings, *, settings: Settings, outgoing: Outgoing) -> SchwabAdapter:
    """Build the adapter."""
    base = f"{own.API_URL}/v1/oauth"
    return SchwabAdapter(
        PROFILE, Endpoints(f"{base}/authorize", f"{base}/token"), Client(own.CLIENT_ID, own.secrets), outgoing
    )


def _names_refresh_token(response: Response) -> bool:
    """Whether the error description names the refresh token; the description itself is not kept."""
    try:
        description = read_members(response).get("error_description")
    except ResponseUnusable:
        return False
    return isinstance(description, str) and "refresh" in description.lower()


def _is_page(response: Response) -> bool:
    return error_code(response) is None and response.body.lstrip()[:1] == b"<"
