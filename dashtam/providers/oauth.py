"""The shared code of OAuth adapters: the authorization URL, the token endpoint, and revocation.

Authlib builds the parameters (RFC 6749, 7009 and 7636); our own client sends them, once. An adapter uses `OAuthClient`
and overrides only what its provider does differently.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7009.parameters import prepare_revoke_token_request
from pydantic import SecretStr

from dashtam.outgoing import CallFailed, Cause, Outgoing, Response
from dashtam.outgoing.client import basic
from dashtam.providers.base import Profile, TokenGrant
from dashtam.providers.errors import (
    ClientRefused,
    GrantRefused,
    NotConfigured,
    ProviderFailure,
    ProviderNotReady,
    ResponseUnusable,
)
from dashtam.providers.grants import read_grant, read_members

_MAX_ERROR: Final = 64
_FAILURES: Final[Mapping[str, type[ProviderFailure]]] = {
    # RFC 6749, 5.2 and 4.1.2.1
    "invalid_grant": GrantRefused,
    "invalid_client": ClientRefused,
    "unauthorized_client": ClientRefused,
    "invalid_scope": ClientRefused,
    "invalid_request": ClientRefused,
    "unsupported_grant_type": ClientRefused,
    "temporarily_unavailable": ProviderNotReady,
    "server_error": ProviderNotReady,
    "slow_down": ProviderNotReady,
}
_LATER: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_DECIDED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_CLASS_OF_SERVERS: Final = 500


@dataclass(frozen=True)
class Endpoints:
    """The URLs of a provider: fixed in the adapter, never taken from a response."""

    authorize: str
    token: str
    revoke: str | None = None


@dataclass(frozen=True)
class Client:
    """The identity of this installation at a provider; the secrets are tried in turn."""

    id: str
    secrets: Sequence[SecretStr] = field(default=(), repr=False)


class OAuthClient:
    """An `OAuthAdapter` for a provider that follows OAuth 2.1."""

    failures: Mapping[str, type[ProviderFailure]] = _FAILURES
    """Error code of the token endpoint to the error that it raises."""

    def __init__(
        self,
        profile: Profile,
        endpoints: Endpoints,
        client: Client,
        outgoing: Outgoing,
        *,
        issuer: str | None = None,
    ) -> None:
        self._profile = profile
        self._endpoints = endpoints
        self._client = client
        self._outgoing = outgoing
        self._issuer = issuer
        self._working = 0

    @property
    def profile(self) -> Profile:
        """The description of this provider."""
        return self._profile

    @property
    def client_id(self) -> str:
        """The provider's id for this installation; empty if it is not configured."""
        return self._client.id

    @property
    def is_configured(self) -> bool:
        """Whether there is a client id, and a secret."""
        return bool(self._client.id and self._client.secrets)

    @property
    def issuer(self) -> str | None:
        """The issuer that a redirect must name (RFC 9207); None: this provider names none."""
        return self._issuer

    def authorization_url(self, *, state: SecretStr, challenge: str, redirect_uri: str) -> str:
        """Return the URL of the authorization page: always the code flow, always with S256."""
        return str(
            prepare_grant_uri(
                self._endpoints.authorize,
                self._client.id,
                "code",
                redirect_uri=redirect_uri,
                scope=list(self._profile.scopes),
                state=state.get_secret_value(),
                code_challenge=challenge,
                code_challenge_method="S256",
            )
        )

    async def exchange(self, code: SecretStr, *, verifier: SecretStr, redirect_uri: str) -> TokenGrant:
        """Exchange a code for a grant; see `OAuthAdapter.exchange`."""
        response = await self._request_token(
            "authorization_code",
            redirect_uri=redirect_uri,
            code=code.get_secret_value(),
            code_verifier=verifier.get_secret_value(),
        )
        return read_grant(response, self._profile, requested=" ".join(self._profile.scopes))

    async def refresh(self, grant: TokenGrant) -> TokenGrant:
        """Return the next grant; see `OAuthAdapter.refresh`."""
        if grant.refresh_token is None:
            raise GrantRefused("the grant has no refresh token", detail="no_refresh_token")
        response = await self._request_token(
            "refresh_token", refresh_token=grant.refresh_token.get_secret_value()
        )
        return read_grant(response, self._profile, before=grant)

    async def revoke(self, token: SecretStr, *, hint: str) -> bool:
        """Revoke a token at the provider (RFC 7009); see `Adapter.revoke`."""
        if self._endpoints.revoke is None:
            return False
        body, _ = prepare_revoke_token_request(token.get_secret_value(), hint)
        response = await self._post_in_turn(self._endpoints.revoke, body)
        if response.is_ok:
            return True
        raise self._failure(response, "revoke")

    def authenticate(self, secret: SecretStr) -> tuple[Mapping[str, str], str]:
        """Return the headers and form fields that authenticate a token request: HTTP Basic."""
        return basic(self._client.id, secret), ""

    async def _request_token(self, grant_type: str, **parameters: str) -> Response:
        body = prepare_token_request(grant_type, **parameters)
        response = await self._post_in_turn(self._endpoints.token, body)
        if response.status != HTTPStatus.OK:
            raise self._failure(response, grant_type)
        return response

    async def _post_in_turn(self, url: str, body: str) -> Response:
        """Send a request with the secret that worked last; if the secret is refused, repeat it with the next.

        A provider that refuses the client has not used its code or token (RFC 6749, 5.2), so both are still valid.
        """
        if not self.is_configured:
            raise NotConfigured(f"{self._profile.key} has no client id and secret in the settings")
        secrets = self._client.secrets
        for turn in range(len(secrets)):
            index = (self._working + turn) % len(secrets)
            response = await self._post(url, body, secrets[index])
            if not self.refuses_secret(response):
                self._working = index
                break
        return response

    async def _post(self, url: str, body: str, secret: SecretStr) -> Response:
        headers, more = self.authenticate(secret)
        try:
            return await self._outgoing.post(url, body=f"{body}&{more}" if more else body, headers=headers)
        except CallFailed as failed:
            raise describe_failed_call(self._profile.key, failed) from None

    def refuses_secret(self, response: Response) -> bool:
        """Whether a response says that the client's secret is wrong."""
        return not response.is_ok and error_code(response) == "invalid_client"

    def _failure(self, response: Response, operation: str) -> ProviderFailure:
        """Return the error that an unsuccessful response means; error codes count only with status 400, 401 or 403."""
        known = None
        if response.status in _DECIDED:
            known = self.explain(response, error_code(response), operation=operation)
        return known or explain_status(self._profile.key, response)

    def explain(self, response: Response, code: str | None, *, operation: str) -> ProviderFailure | None:
        """Return the error that a code means; None for an unknown code. `operation` is the grant type, or `revoke`."""
        if code is None or (kind := self.failures.get(code)) is None:
            return None
        wait = response.retry_after if kind is ProviderNotReady else None
        return kind(f"{self._profile.key} refuses {operation} with {code}", detail=code, retry_after=wait)


def describe_failed_call(key: str, failed: CallFailed) -> ProviderFailure:
    """Return the provider error for a call without a response."""
    if failed.cause in {Cause.TOO_LARGE, Cause.REDIRECTED, Cause.REFUSED}:
        return ResponseUnusable(f"{key}: {failed}", detail=failed.cause)
    return ProviderNotReady(f"{key}: {failed}", detail=failed.cause)


def explain_status(key: str, response: Response) -> ProviderFailure:
    """Return the error that a status means if the body has no known error code."""
    message = f"{key} responds with status {response.status}"
    if response.status >= _CLASS_OF_SERVERS or response.status in _LATER:
        detail = "too_many" if response.status == HTTPStatus.TOO_MANY_REQUESTS else "failing"
        return ProviderNotReady(message, detail=detail, retry_after=response.retry_after)
    if response.is_redirect:
        return ResponseUnusable(message, detail=Cause.REDIRECTED)
    if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ClientRefused(message, detail="forbidden")
    return ResponseUnusable(message, detail="unknown_answer")


def error_code(response: Response) -> str | None:
    """Return the `error` member of a response (RFC 6749, 5.2); None if it is absent or longer than a code."""
    try:
        code = read_members(response).get("error")
    except ResponseUnusable:
        return None
    return code if isinstance(code, str) and len(code) <= _MAX_ERROR else None
