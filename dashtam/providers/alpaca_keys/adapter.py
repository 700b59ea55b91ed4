"""Claims the API keys that Alpaca shows its customers, and verifies them with one call."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from pydantic import Field, SecretStr

from dashtam.models import Authorization
from dashtam.outgoing import CallFailed, Outgoing, Response
from dashtam.providers.base import Profile, SecretField, TokenGrant, read_secret
from dashtam.providers.errors import SecretRefused
from dashtam.providers.grants import read_members
from dashtam.providers.oauth import describe_failed_call, explain_status
from dashtam.providers.settings import ProviderSettings, provider_config
from dashtam.settings.model import Settings

PROFILE: Final = Profile(
    key="alpaca_keys",
    name="Alpaca (API keys)",
    description="Brokerage accounts, positions and orders, live or paper, with the API keys of your account.",
    website="https://alpaca.markets",
    authorization=Authorization.CLAIM_TOKEN,
)
FIELDS: Final = (
    SecretField("key_id", "API key ID", max_characters=128),
    SecretField("secret_key", "Secret key", max_characters=256),
)
_URL: Final = r"^https://[a-z0-9.-]+(:[0-9]{1,5})?$"
_REFUSALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class AlpacaKeysSettings(ProviderSettings):
    """The origins of Alpaca's APIs; every setting has a default."""

    model_config = provider_config("ALPACA_KEYS_")

    LIVE_URL: str = Field(
        "https://api.alpaca.markets", pattern=_URL, description="The origin of the API for live keys."
    )
    PAPER_URL: str = Field(
        "https://paper-api.alpaca.markets", pattern=_URL, description="The origin of the API for paper keys."
    )


SETTINGS: Final = AlpacaKeysSettings


class AlpacaKeysAdapter:
    """A `SecretAdapter`; a grant's access token is `key_id:secret_key`, and its scope is `live` or `paper`."""

    is_configured = True

    def __init__(self, own: AlpacaKeysSettings, outgoing: Outgoing) -> None:
        self._bases = {"live": own.LIVE_URL, "paper": own.PAPER_URL}
        self._outgoing = outgoing

    @property
    def profile(self) -> Profile:
        """The description of this provider."""
        return PROFILE

    @property
    def fields(self) -> Sequence[SecretField]:
        """The secrets that the user copies."""
        return FIELDS

    async def claim(self, secrets: Mapping[str, SecretStr]) -> TokenGrant:
        """Try the keys with the live and then the paper API; see `SecretAdapter.claim`."""
        key_id, secret = (read_secret(field, secrets) for field in FIELDS)
        headers = {
            "APCA-API-KEY-ID": key_id.get_secret_value(),
            "APCA-API-SECRET-KEY": secret.get_secret_value(),
        }
        for scope, base in self._bases.items():
            response = await self._get(f"{base}/v2/account", headers)
            if response.status == HTTPStatus.OK:
                read_members(response)
                token = SecretStr(f"{key_id.get_secret_value()}:{secret.get_secret_value()}")
                return TokenGrant(access_token=token, scope=scope, granted_at=response.began_at)
            if response.status not in _REFUSALS:
                raise explain_status(PROFILE.key, response)
        raise SecretRefused("alpaca accepts these keys neither as live nor as paper", detail="keys_refused")

    async def revoke(self, token: SecretStr, *, hint: str) -> bool:
        """Return false: only the user can delete keys, in Alpaca's own pages."""
        return False

    async def _get(self, url: str, headers: Mapping[str, str]) -> Response:
        try:
            return await self._outgoing.get(url, headers=headers)
        except CallFailed as failed:
            raise describe_failed_call(PROFILE.key, failed) from None


def build(own: AlpacaKeysSettings, *, settings: Settings, outgoing: Outgoing) -> AlpacaKeysAdapter:
    """Build the adapter."""
    return AlpacaKeysAdapter(own, outgoing)
