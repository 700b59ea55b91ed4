"""The adapter for token_server.py, over TLS."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from dashtam.models import Authorization
from dashtam.providers.base import Adapter, Profile, TokenGrant
from dashtam.providers.errors import ClientRefused, GrantRefused, ProviderNotReady, ResponseUnusable
from dashtam.providers.registry import Registry

PROFILE = Profile(
    key="rotating",
    name="Rotating Bank",
    description="An invented bank.",
    website="https://bank.example.com",
    authorization=Authorization.OAUTH2,
    scopes=("accounts", "transactions"),
    required_scopes=frozenset({"accounts"}),
    access_ttl=timedelta(minutes=10),
    refresh_ttl=timedelta(days=7),
)


class TokenAdapter:
    """Refreshes and revokes; it has no authorization page."""

    is_configured = True
    issuer = None

    def __init__(self, profile: Profile, url: str, context: ssl.SSLContext, *, seconds: float = 5.0) -> None:
        self.profile = profile
        self._client = httpx.AsyncClient(base_url=url, verify=context, timeout=seconds)

    def authorization_url(self, *, state: SecretStr, challenge: str, redirect_uri: str) -> str:
        raise NotImplementedError("this server has no authorization page")

    async def exchange(self, code: SecretStr, *, verifier: SecretStr, redirect_uri: str) -> TokenGrant:
        raise NotImplementedError("this server does not issue codes")

    async def refresh(self, grant: TokenGrant) -> TokenGrant:
        """Return the next grant."""
        began = datetime.now(UTC)
        assert grant.refresh_token is not None
        response = await self._post("/token", refresh_token=grant.refresh_token.get_secret_value())
        try:
            return _read(response.json(), grant, began)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ResponseUnusable("not a token response", detail="malformed_answer") from None

    async def revoke(self, token: SecretStr, *, hint: str) -> bool:
        """Revoke a token at the server."""
        await self._post("/revoke", token=token.get_secret_value(), token_type_hint=hint)
        return True

    async def aclose(self) -> None:
        """Close the HTTP client."""
        await self._client.aclose()

    async def _post(self, path: str, **form: str) -> httpx.Response:
        try:
            response = await self._client.post(path, data=form)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ProviderNotReady(f"{path}: {error}", detail="unreachable") from None
        except httpx.TransportError as error:
            raise ProviderNotReady(f"{path}: {error}", detail="answer_lost") from None
        if response.status_code == httpx.codes.OK:
            return response
        raise _failure(response)


def _failure(response: httpx.Response) -> Exception:
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        seconds = response.headers.get("Retry-After")
        return ProviderNotReady(
            f"the status is {response.status_code}",
            detail=f"http_{response.status_code}",
            retry_after=timedelta(seconds=int(seconds)) if seconds else None,
        )
    try:
        code = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return ResponseUnusable(f"the status is {response.status_code}", detail="malformed_answer")
    if code == "invalid_client":
        return ClientRefused("invalid_client", detail="invalid_client")
    return GrantRefused("refused", detail="invalid_grant")


def _read(body: dict[str, Any], grant: TokenGrant, began: datetime) -> TokenGrant:
    refresh, seconds = body.get("refresh_token"), body.get("expires_in")
    return TokenGrant(
        access_token=SecretStr(body["access_token"]),
        refresh_token=SecretStr(refresh) if refresh else grant.refresh_token,
        expires_at=began + timedelta(seconds=int(seconds)) if seconds is not None else None,
        scope=body.get("scope", grant.scope),
        granted_at=began,
    )


class OneAdapter(Registry):
    """A registry that returns one adapter for every key, with that key in its profile."""

    def __init__(self, adapter: TokenAdapter) -> None:
        super().__init__([])
        self.adapter = adapter

    def find(self, key: str) -> Adapter | None:
        """Return the adapter with the key of this environment."""
        self.adapter.profile = replace(self.adapter.profile, key=key)
        return self.adapter
