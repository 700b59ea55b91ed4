"""Speaks to the sandbox: plain OAuth 2.1, without settings of its own."""

from datetime import timedelta
from typing import Final

from dashtam.models import Authorization
from dashtam.outgoing import Outgoing
from dashtam.providers.base import Profile
from dashtam.providers.oauth import Client, Endpoints, OAuthClient
from dashtam.providers.sandbox.credentials import CLIENT_ID, client_secrets, issuer
from dashtam.providers.settings import ProviderSettings
from dashtam.settings.model import Environment, Settings

PROFILE: Final = Profile(
    key="sandbox",
    name="Sandbox",
    description="An invented institution for development and demonstrations; it holds no real money.",
    website="https://example.com",
    authorization=Authorization.OAUTH2,
    scopes=("accounts", "transactions"),
    required_scopes=frozenset({"accounts"}),
    refresh_margin=timedelta(minutes=1),
    access_ttl=timedelta(minutes=5),
    refresh_ttl=timedelta(days=7),
    grace=timedelta(seconds=30),
)
SETTINGS: Final = ProviderSettings


def build(_own: ProviderSettings, *, settings: Settings, outgoing: Outgoing) -> OAuthClient | None:
    """Build the adapter; None in production, which has no sandbox."""
    if settings.ENVIRONMENT is Environment.PRODUCTION:
        return None
    base = issuer(settings)
    endpoints = Endpoints(f"{base}/authorize", f"{base}/token", f"{base}/revoke")
    client = Client(CLIENT_ID, client_secrets(settings))
    return OAuthClient(PROFILE, endpoints, client, outgoing, issuer=base)
