"""An invented provider for tests: an OAuth 2.1 authorization server over TLS, and its adapter."""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr
from quart import Quart, Response, redirect, request
from quart.typing import ResponseReturnValue

from dashtam.models import Authorization
from dashtam.providers.base import Profile, SecretField, TokenGrant
from dashtam.providers.errors import (
    ClientRefused,
    GrantRefused,
    ProviderNotReady,
    ResponseUnusable,
    SecretRefused,
)
from tests.support.banks.in_loop import Hold

SCOPE = "accounts transactions"


@dataclass
class Bank:
    """The settings of the server, and the requests that it received."""

    issuer: str = ""
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    authorized: list[Mapping[str, str]] = field(default_factory=list)
    token_requests: list[Mapping[str, str]] = field(default_factory=list)
    revoked: list[tuple[str, str]] = field(default_factory=list)
    """The token and the hint of each revocation, in order of arrival."""
    granted: list[str] = field(default_factory=list)
    """Every token that was issued."""
    scope: str = SCOPE
    token_status: int = 200
    token_error: str = "invalid_grant"
    revocation_status: int = 200
    retry_after: str | None = None
    hold: Hold = field(default_factory=Hold)
    """Delays token requests while it is closed."""

    def app(self) -> Quart:
        """Return the server's application."""
        app = Quart("bank", static_folder=None)
        app.add_url_rule("/authorize", view_func=self.authorize, methods=["GET"])
        app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        app.add_url_rule("/revoke", view_func=self.revoke, methods=["POST"])
        return app

    async def authorize(self) -> ResponseReturnValue:
        """Redirect with a code immediately, as if the user had agreed."""
        asked = request.args.to_dict()
        self.authorized.append(asked)
        code = secrets.token_urlsafe(16) + "@"
        self.codes[code] = asked
        response = {"code": code, "state": asked["state"], "iss": self.issuer}
        return redirect(f"{asked['redirect_uri']}?{urlencode(response)}", 303)

    async def token(self) -> ResponseReturnValue:
        """Exchange a code once, if the verifier matches (RFC 7636, 4.6)."""
        form = (await request.form).to_dict()
        self.token_requests.append(form)
        await self.hold.passed()
        if self.token_status != 200:
            return {"error": self.token_error, "error_description": "canary"}, self.token_status
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return {"error": "invalid_grant"}, 400
        access, refresh = f"canary-access-{secrets.token_hex(8)}", f"canary-refresh-{secrets.token_hex(8)}"
        self.granted += [access, refresh]
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": 1800,
            "scope": self.scope,
        }

    async def revoke(self) -> ResponseReturnValue:
        """Revoke a token (RFC 7009)."""
        form = await request.form
        self.revoked.append((form["token"], form["token_type_hint"]))
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        return Response(b"", self.revocation_status, headers)


@dataclass
class BankAdapter:
    """The `OAuthAdapter` of the bank."""

    key: str
    url: str
    client: httpx.AsyncClient
    issuer: str | None
    is_configured: bool = True
    required_scopes: frozenset[str] = frozenset({"accounts"})

    @property
    def profile(self) -> Profile:
        """The description of this provider."""
        return Profile(
            self.key,
            "Bank <of> Tests",
            "Invented.",
            "https://example.com",
            Authorization.OAUTH2,
            scopes=tuple(SCOPE.split()),
            required_scopes=self.required_scopes,
        )

    def authorization_url(self, *, state: SecretStr, challenge: str, redirect_uri: str) -> str:
        """Return the URL of the authorization page."""
        query = {
            "response_type": "code",
            "client_id": "dashtam",
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": state.get_secret_value(),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.url}/authorize?{urlencode(query)}"

    async def exchange(self, code: SecretStr, *, verifier: SecretStr, redirect_uri: str) -> TokenGrant:
        """Exchange a code, once."""
        began = datetime.now(UTC)
        form = {
            "grant_type": "authorization_code",
            "code": code.get_secret_value(),
            "code_verifier": verifier.get_secret_value(),
            "redirect_uri": redirect_uri,
        }
        response = await self._post("/token", form)
        if response.status_code >= 500:
            raise ProviderNotReady(f"status {response.status_code}")
        body = response.json()
        if response.status_code != 200:
            kind = ClientRefused if body["error"] == "invalid_client" else GrantRefused
            raise kind(f"status {response.status_code}", detail=body["error"])
        if "access_token" not in body:
            raise ResponseUnusable("no access_token")
        return TokenGrant(
            SecretStr(body["access_token"]),
            SecretStr(body["refresh_token"]),
            began + timedelta(seconds=body["expires_in"]),
            began + timedelta(days=7),
            body["scope"],
            began,
        )

    async def refresh(self, grant: TokenGrant) -> TokenGrant:
        """Refuse: no test of this bank refreshes."""
        raise GrantRefused(f"nothing to refresh for {grant.scope}")

    async def revoke(self, token: SecretStr, *, hint: str) -> bool:
        """Revoke a token at the bank."""
        response = await self._post("/revoke", {"token": token.get_secret_value(), "token_type_hint": hint})
        if response.status_code != 200:
            wait = response.headers.get("Retry-After")
            raise ProviderNotReady(
                f"status {response.status_code}",
                detail=f"status_{response.status_code}",
                retry_after=timedelta(seconds=int(wait)) if wait else None,
            )
        return True

    async def _post(self, path: str, form: Mapping[str, str]) -> httpx.Response:
        try:
            return await self.client.post(f"{self.url}{path}", data=dict(form))
        except httpx.TransportError as error:
            raise ProviderNotReady(f"{type(error).__name__}") from None


@dataclass
class PasteAdapter:
    """A `SecretAdapter` that accepts the secret `right` once."""

    key: str
    is_configured: bool = True
    taken: set[str] = field(default_factory=set)

    @property
    def profile(self) -> Profile:
        """The description of this provider."""
        return Profile(self.key, "Paste", "Invented.", "https://example.com", Authorization.CLAIM_TOKEN)

    @property
    def fields(self) -> Sequence[SecretField]:
        """The only secret."""
        return (SecretField("setup_token", "Setup token", 40),)

    async def claim(self, given: Mapping[str, SecretStr]) -> TokenGrant:
        """Claim the secret, once."""
        word = given["setup_token"].get_secret_value()
        if not word.startswith("right") or word in self.taken:
            raise SecretRefused("unknown, or claimed before")
        self.taken.add(word)
        return TokenGrant(SecretStr(f"canary-access-url-{word}"))

    async def revoke(self, token: SecretStr, *, hint: str) -> bool:
        """Return false: this provider does not support revocation."""
        return not (token and hint)
