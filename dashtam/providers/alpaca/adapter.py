"""Speaks to Alpaca over OAuth: its grants do not expire, cannot be refreshed, and are read-only.

Users with their own API keys need no app: dashtam/providers/alpaca_keys accepts those.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from dashtam.models import Authorization
from dashtam.outgoing import Outgoing
from dashtam.providers.base import Profile
from dashtam.providers.oauth import Client, Endpoints, OAuthClient
from dashtam.providers.settings import ClientSettings, provider_config
from dashtam.settings.model import Settings

PROFILE: Final = Profile(
    key="alpaca",
    name="Alpaca",
    description="Brokerage accounts, positions and orders, live and paper.",
    website="https://alpaca.markets",
    authorization=Authorization.OAUTH2,
    scopes=(),  # without a scope, access is read-only
)
_URL: Final = r"^https://[a-z0-9.-]+(:[0-9]{1,5})?$"


class AlpacaSettings(ClientSettings):
    """The client id and secret of the app that Alpaca registered."""

    model_config = provider_config("ALPACA_")

    APP_URL: str = Field(
        "https://app.alpaca.markets", pattern=_URL, description="The origin of Alpaca's authorization page."
    )
    API_URL: str = Field(
        "https://api.alpaca.markets", pattern=_URL, description="The origin of Alpaca's API."
    )


SETTINGS: Final = AlpacaSettings


class AlpacaAdapter(OAuthClient):
    """Plain OAuth, except that the form carries the client secret (RFC 6749, 2.3.1, allows that)."""

    def authenticate(self, secret: SecretStr) -> tuple[Mapping[str, str], str]:
        """Return no headers, and the client id and secret as form fields."""
        return {}, urlencode({"client_id": self.client_id, "client_secret": secret.get_secret_value()})


def build(own: AlpacaSettings, *, settings: Settings, outgoing: Outgoing) -> AlpacaAdapter:
    """Build the adapter."""
    endpoints = Endpoints(f"{own.APP_URL}/oauth/authorize", f"{own.API_URL}/oauth/token")
    return AlpacaAdapter(PROFILE, endpoints, Client(own.CLIENT_ID, own.secrets), outgoing)
