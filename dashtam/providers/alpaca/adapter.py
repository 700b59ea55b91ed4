"""Speaks to Alpaca by OAuth: what it grants does not end, cannot be refreshed, and only reads.

Who has API keys of their own needs no app: dashtam/providers/alpaca_keys takes those.
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
    scopes=(),  # without any, access is to read only
)
_URL: Final = r"^https://[a-z0-9.-]+(:[0-9]{1,5})?$"


class AlpacaSettings(ClientSettings):
    """Client id and secret of the app that Alpaca registered."""

    model_config = provider_config("ALPACA_")

    APP_URL: str = Field("https://app.alpaca.markets", pattern=_URL, description="where users are sent.")
    API_URL: str = Field("https://api.alpaca.markets", pattern=_URL, description="where Alpaca is asked.")


SETTINGS: Final = AlpacaSettings


class AlpacaAdapter(OAuthClient):
    """Plain OAuth, but that the secret stands in the form (RFC 6749, 2.3.1, allows it)."""

    def authenticate(self, secret: SecretStr) -> tuple[Mapping[str, str], str]:
        """Put id and secret into the body."""
        return {}, urlencode({"client_id": self.client_id, "client_secret": secret.get_secret_value()})


def build(own: AlpacaSettings, *, settings: Settings, outgoing: Outgoing) -> AlpacaAdapter:
    """Build the adapter."""
    endpoints = Endpoints(f"{own.APP_URL}/oauth/authorize", f"{own.API_URL}/oauth/token")
    return AlpacaAdapter(PROFILE, endpoints, Client(own.CLIENT_ID, own.secrets), outgoing)
