"""Speaks to Schwab's Trader API: an access token lives 30 minutes, and seven days after the sign-in all ends.

The developer portal hides behind a sign-in; what is written here is what clients of it have met (schwab-py, Schwabdev,
schwab-go).
"""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from pydantic import Field

from dashtam.models import Authorization
from dashtam.outgoing import Outgoing, Response
from dashtam.providers.base import Profile
from dashtam.providers.errors import AnswerUnusable, ClientRefused, GrantRefused, ProviderFailure
from dashtam.providers.grants import read_members
from dashtam.providers.oauth import Client, Endpoints, OAuthClient, error_code
from dashtam.providers.settings import ClientSettings, provider_config
from dashtam.settings.model import Settings

PROFILE: Final = Profile(
    key="schwab",
    name="Charles Schwab",
    description="Brokerage accounts; the refresh token lives seven days from the sign-in.",
    website="https://www.schwab.com",
    authorization=Authorization.OAUTH2,
    scopes=("readonly",),
    # It grants "api", whatever is asked for; what that lets us do is settled for each app in the portal.
    required_scopes=frozenset(),
    access_ttl=timedelta(minutes=30),
    refresh_ttl=timedelta(days=7),
    is_refresh_ttl_fixed=True,
    warn_before=timedelta(days=1),
)


class SchwabSettings(ClientSettings):
    """App key and secret of the developer portal, where the callback has to be CALLBACK_URL/callback/schwab."""

    model_config = provider_config("SCHWAB_")

    API_URL: str = Field(
        "https://api.schwabapi.com",
        pattern=r"^https://[a-z0-9.-]+(:[0-9]{1,5})?$",
        description="where Schwab is asked.",
    )


SETTINGS: Final = SchwabSettings


class SchwabAdapter(OAuthClient):
    """Reads Schwab's ways to say no; everything else is plain OAuth with HTTP Basic."""

    def refuses_secret(self, answer: Response) -> bool:
        """Whether the secret is wrong: `invalid_client` may mean the refresh token as well."""
        return super().refuses_secret(answer) and not _speaks_of_refresh_token(answer)

    def explain(self, answer: Response, code: str | None, *, asked: str) -> ProviderFailure | None:
        """Say what an answer means; asked to refresh, three codes mean that the seven days are over."""
        is_dead = code in {"unsupported_token_type", "refresh_token_authentication_error"} or (
            code == "invalid_client" and _speaks_of_refresh_token(answer)
        )
        if is_dead and asked == "refresh_token":
            return GrantRefused("schwab does not take the refresh token", detail=code or "")
        if (
            code is None
            and answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
            and _is_page(answer)
        ):
            return ClientRefused("schwab shows a page: the app is not approved yet", detail="not_approved")
        return super().explain(answer, code, asked=asked)


def build(own: SchwabSettings, *, settings: Settings, outgoing: Outgoing) -> SchwabAdapter:
    """Build the adapter."""
    base = f"{own.API_URL}/v1/oauth"
    return SchwabAdapter(
        PROFILE, Endpoints(f"{base}/authorize", f"{base}/token"), Client(own.CLIENT_ID, own.secrets), outgoing
    )


def _speaks_of_refresh_token(answer: Response) -> bool:
    """Whether the description names the refresh token: read for this question, and not kept."""
    try:
        description = read_members(answer).get("error_description")
    except AnswerUnusable:
        return False
    return isinstance(description, str) and "refresh" in description.lower()


def _is_page(answer: Response) -> bool:
    return error_code(answer) is None and answer.body.lstrip()[:1] == b"<"
