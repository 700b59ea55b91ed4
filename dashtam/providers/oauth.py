"""What OAuth providers have in common: the authorization URL, the token endpoint, and revocation.

Authlib builds the parameters (RFC 6749, 7009 and 7636); our own client sends them, once. Adapters that speak plain
OAuth use `OAuthClient` as it is and override what their provider does otherwise.
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
    AnswerUnusable,
    ClientRefused,
    GrantRefused,
    NotConfigured,
    ProviderFailure,
    ProviderNotReady,
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
    """Where a provider is asked: known beforehand, and never taken from an answer."""

    authorize: str
    token: str
    revoke: str | None = None


@dataclass(frozen=True)
class Client:
    """What a provider knows this installation by; the secrets are tried in turn."""

    id: str
    secrets: Sequence[SecretStr] = field(default=(), repr=False)


class OAuthClient:
    """Speaks to one provider as OAuth 2.1 has it; an `OAuthAdapter` as it is."""

    failures: Mapping[str, type[ProviderFailure]] = _FAILURES
    """What the error codes of the token endpoint mean."""

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
        """What there is to know about it."""
        return self._profile

    @property
    def client_id(self) -> str:
        """What the provider calls this installation; empty where it is not configured."""
        return self._client.id

    @property
    def is_configured(self) -> bool:
        """Whether there is a client id, and a secret."""
        return bool(self._client.id and self._client.secrets)

    @property
    def issuer(self) -> str | None:
        """The issuer that an answer has to name (RFC 9207)."""
        return self._issuer

    def authorization_url(self, *, state: SecretStr, challenge: str, redirect_uri: str) -> str:
        """Where the user is sent: code flow and S256 always, and there is no way to ask for less."""
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
        """Exchange a code, as `OAuthAdapter` promises."""
        answer = await self._ask(
            "authorization_code",
            redirect_uri=redirect_uri,
            code=code.get_secret_value(),
            code_verifier=verifier.get_secret_value(),
        )
        return read_grant(answer, self._profile, asked=" ".join(self._profile.scopes))

    async def refresh(self, grant: TokenGrant) -> TokenGrant:
        """Ask for the next grant, as `OAuthAdapter` promises."""
        if grant.refresh_token is None:
            raise GrantRefused("there is no refresh token", detail="no_refresh_token")
        answer = await self._ask("refresh_token", refresh_token=grant.refresh_token.get_secret_value())
        return read_grant(answer, self._profile, before=grant)

    async def revoke(self, token: SecretStr, *, hint: str) -> bool:
        """Have the provider forget a token (RFC 7009), as `Adapter` promises."""
        if self._endpoints.revoke is None:
            return False
        body, _ = prepare_revoke_token_request(token.get_secret_value(), hint)
        answer = await self._post_in_turn(self._endpoints.revoke, body)
        if answer.is_ok:
            return True
        raise self._failure(answer, "revoke")

    def authenticate(self, secret: SecretStr) -> tuple[Mapping[str, str], str]:
        """Headers, and what joins the body, by which a token request is ours: HTTP Basic."""
        return basic(self._client.id, secret), ""

    async def _ask(self, grant_type: str, **parameters: str) -> Response:
        body = prepare_token_request(grant_type, **parameters)
        answer = await self._post_in_turn(self._endpoints.token, body)
        if answer.status != HTTPStatus.OK:
            raise self._failure(answer, grant_type)
        return answer

    async def _post_in_turn(self, url: str, body: str) -> Response:
        """Send a request with the secret that worked last; one that is refused for its secret, with the other.

        Who refuses a client has not looked at its code or token (RFC 6749, 5.2), so they are as good as before.
        """
        if not self.is_configured:
            raise NotConfigured(f"{self._profile.key} has no client id and secret")
        secrets = self._client.secrets
        for turn in range(len(secrets)):
            index = (self._working + turn) % len(secrets)
            answer = await self._post(url, body, secrets[index])
            if not self.refuses_secret(answer):
                self._working = index
                break
        return answer

    async def _post(self, url: str, body: str, secret: SecretStr) -> Response:
        headers, more = self.authenticate(secret)
        try:
            return await self._outgoing.post(url, body=f"{body}&{more}" if more else body, headers=headers)
        except CallFailed as failed:
            raise describe_failed_call(self._profile.key, failed) from None

    def refuses_secret(self, answer: Response) -> bool:
        """Whether an answer says that the client's secret is wrong, and nothing else."""
        return not answer.is_ok and error_code(answer) == "invalid_client"

    def _failure(self, answer: Response, asked: str) -> ProviderFailure:
        """Say what an answer that is no success means; a server that fails has not decided anything."""
        known = None
        if answer.status in _DECIDED:
            known = self.explain(answer, error_code(answer), asked=asked)
        return known or explain_status(self._profile.key, answer)

    def explain(self, answer: Response, code: str | None, *, asked: str) -> ProviderFailure | None:
        """Say what an error code means; `asked` is the grant type, or `revoke`. None: nothing that we know."""
        if code is None or (kind := self.failures.get(code)) is None:
            return None
        wait = answer.retry_after if kind is ProviderNotReady else None
        return kind(f"{self._profile.key} answers {asked} with {code}", detail=code, retry_after=wait)


def describe_failed_call(key: str, failed: CallFailed) -> ProviderFailure:
    """Say what a call without an answer means to whoever needs the provider."""
    if failed.cause in {Cause.TOO_LARGE, Cause.REDIRECTED, Cause.REFUSED}:
        return AnswerUnusable(f"{key}: {failed}", detail=failed.cause)
    return ProviderNotReady(f"{key}: {failed}", detail=failed.cause)


def explain_status(key: str, answer: Response) -> ProviderFailure:
    """Say what the status of an answer means where its body says nothing that we know."""
    message = f"{key} answers with status {answer.status}"
    if answer.status >= _CLASS_OF_SERVERS or answer.status in _LATER:
        detail = "too_many" if answer.status == HTTPStatus.TOO_MANY_REQUESTS else "failing"
        return ProviderNotReady(message, detail=detail, retry_after=answer.retry_after)
    if answer.is_redirect:
        return AnswerUnusable(message, detail=Cause.REDIRECTED)
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ClientRefused(message, detail="forbidden")
    return AnswerUnusable(message, detail="unknown_answer")


def error_code(answer: Response) -> str | None:
    """The `error` of an answer (RFC 6749, 5.2), where there is one that can be a code."""
    try:
        code = read_members(answer).get("error")
    except AnswerUnusable:
        return None
    return code if isinstance(code, str) and len(code) <= _MAX_ERROR else None
