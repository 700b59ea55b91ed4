"""Claims SimpleFIN setup tokens (protocol 1.0.7); the token names the server, so the server is not trusted.

A setup token is the Base64 of a claim URL. A POST to it succeeds once and returns the access URL, which holds a user
and a password and is sealed like a token.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from dashtam.models import Authorization
from dashtam.outgoing import CallFailed, Cause, Outgoing, Response
from dashtam.outgoing.reachable import find_wrong
from dashtam.providers.base import Profile, SecretField, TokenGrant, read_secret
from dashtam.providers.errors import ResponseUnusable, SecretRefused
from dashtam.providers.oauth import describe_failed_call, explain_status
from dashtam.providers.settings import ProviderSettings
from dashtam.settings.model import Settings

PROFILE: Final = Profile(
    key="simplefin",
    name="SimpleFIN",
    description="Read-only bridge to many institutions; a setup token is claimed once.",
    website="https://www.simplefin.org",
    authorization=Authorization.CLAIM_TOKEN,
)
SETTINGS: Final = ProviderSettings
SETUP_TOKEN: Final = SecretField("setup_token", "Setup token", max_characters=4096)
_MAX_BYTES: Final = 8192
_PADDING: Final = 4


class SimpleFinAdapter:
    """A `SecretAdapter`; the access token of its grants is the access URL."""

    is_configured = True

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    @property
    def profile(self) -> Profile:
        """The description of this provider."""
        return PROFILE

    @property
    def fields(self) -> Sequence[SecretField]:
        """The secrets that the user copies."""
        return (SETUP_TOKEN,)

    async def claim(self, secrets: Mapping[str, SecretStr]) -> TokenGrant:
        """Claim a setup token, once; see `SecretAdapter.claim`."""
        claim_url = read_setup_token(read_secret(SETUP_TOKEN, secrets))
        if find_wrong(claim_url, allows_local=self._outgoing.allows_local):
            raise SecretRefused("the setup token names a server that is refused", detail=Cause.REFUSED)
        response = await self._post(claim_url)
        if response.status == HTTPStatus.FORBIDDEN:
            # The protocol asks clients to warn that the token may have been stolen.
            raise SecretRefused("the setup token is unknown, or was claimed before", detail="claimed_before")
        if response.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise SecretRefused("the server does not know the setup token", detail="unknown")
        if response.status != HTTPStatus.OK:
            raise explain_status(PROFILE.key, response)
        access_url = read_access_url(response, claim_url, allows_local=self._outgoing.allows_local)
        return TokenGrant(access_token=access_url, granted_at=response.began_at)

    async def revoke(self, token: SecretStr, *, hint: str) -> bool:
        """Return false: only the user can disable access, in the bridge's own pages."""
        return False

    async def _post(self, url: str) -> Response:
        try:
            return await self._outgoing.post(
                url, body="", headers={}, max_bytes=_MAX_BYTES, is_from_user=True
            )
        except CallFailed as failed:
            if failed.cause is Cause.REFUSED:
                raise SecretRefused("the setup token's server is refused", detail=failed.cause) from None
            raise describe_failed_call(PROFILE.key, failed) from None


def build(_own: ProviderSettings, *, settings: Settings, outgoing: Outgoing) -> SimpleFinAdapter:
    """Build the adapter."""
    return SimpleFinAdapter(outgoing)


def read_setup_token(token: SecretStr) -> str:
    """Return the claim URL that a setup token encodes.

    Raises:
        SecretRefused: the token is not the Base64 of an ASCII text.
    """
    text = token.get_secret_value().translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % _PADDING), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise SecretRefused("the setup token is not the Base64 of a URL", detail="malformed") from None


def read_access_url(response: Response, claim_url: str, *, allows_local: bool) -> SecretStr:
    """Return the access URL in a response: https, with user and password, on the server of the claim URL.

    Raises:
        ResponseUnusable: the response is anything else; none of it is quoted.
    """
    try:
        text = response.body.decode("ascii").strip()
        parts = urlsplit(text)
        user, password, place = parts.username, parts.password, _place(parts)
    except ValueError:
        raise ResponseUnusable("the access URL is not a URL", detail="access_url") from None
    bare = text.replace(f"{parts.netloc.rpartition('@')[0]}@", "", 1)
    if not user or not password or find_wrong(bare, allows_local=allows_local) or parts.query:
        raise ResponseUnusable("the access URL is not https://user:password@host/path", detail="access_url")
    if place != _place(urlsplit(claim_url)):
        raise ResponseUnusable(
            "the access URL leads to another server than the claim", detail="access_url_host"
        )
    return SecretStr(text)


def _place(parts: SplitResult) -> tuple[str, int]:
    return (parts.hostname or "").lower(), parts.port or 443
