"""The protocol of a provider's adapter: a description of the institution, and the calls that obtain a grant.

There are two kinds. An `OAuthAdapter` sends the user to the institution and exchanges the code of the redirect
(OAuth 2.1). A `SecretAdapter` claims a secret that the user copied from the institution's own pages. Both return a
`TokenGrant`, and both raise only the errors of providers/errors.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from pydantic import SecretStr

from dashtam.models import Authorization
from dashtam.providers.errors import SecretRefused


@dataclass(frozen=True)
class TokenGrant:
    """What a provider granted, unencrypted: it exists only in memory, and its repr shows no secrets."""

    access_token: SecretStr
    refresh_token: SecretStr | None = None
    expires_at: datetime | None = None
    """When the access token expires, counted from the start of the request; None: never, or unknown."""
    refresh_expires_at: datetime | None = None
    scope: str = ""
    """Space-separated, as granted (RFC 6749, 3.3)."""
    granted_at: datetime | None = None
    """When the request for the grant began; adapters always set it."""


@dataclass(frozen=True)
class Profile:
    """The description of an institution: what is known before a user connects to it."""

    key: str
    """The stable slug."""
    name: str
    description: str
    website: str
    authorization: Authorization
    scopes: tuple[str, ...] = ()
    """The requested scopes: the minimum for reading accounts, holdings and transactions."""
    required_scopes: frozenset[str] = frozenset()
    """A grant without one of these is rejected."""
    refresh_margin: timedelta = timedelta(minutes=5)
    """How long before its expiry an access token is refreshed; longer than clocks differ."""
    access_ttl: timedelta | None = None
    """The lifetime of an access token if the response has no `expires_in`; None: unlimited."""
    refresh_ttl: timedelta | None = None
    """The lifetime of a refresh token if the response does not state it; None: unknown."""
    is_refresh_ttl_fixed: bool = False
    """Whether a refresh keeps the expiry of the refresh token, as at Schwab."""
    warn_before: timedelta = timedelta(days=1)
    """How long before the refresh token expires the user gets an e-mail."""
    grace: timedelta = timedelta(0)
    """How long the provider still accepts a replaced refresh token, in case the response was lost."""

    def missing_scopes(self, scope: str) -> frozenset[str]:
        """Return the required scopes that a granted scope lacks."""
        return self.required_scopes - frozenset(scope.split())


@dataclass(frozen=True)
class SecretField:
    """A secret that the user copies from the institution's pages."""

    name: str
    label: str
    max_characters: int = 4096


class Adapter(Protocol):
    """Code that speaks to one provider."""

    @property
    def profile(self) -> Profile:
        """The description of this provider."""
        ...

    @property
    def is_configured(self) -> bool:
        """Whether the settings hold what this provider requires of an installation: its client id and secret."""
        ...

    async def revoke(self, token: SecretStr, *, hint: str) -> bool:
        """Revoke a token at the provider; false: this provider does not support revocation.

        `hint` is access_token or refresh_token (RFC 7009, 2.1). True means that the token is no longer valid.

        Raises:
            ProviderFailure: see providers/errors.py; the token may still be valid.
        """
        ...


@runtime_checkable
class OAuthAdapter(Adapter, Protocol):
    """A provider whose authorization page the user visits."""

    @property
    def issuer(self) -> str | None:
        """The issuer that a redirect must name (RFC 9207); None: this provider names none."""
        ...

    def authorization_url(self, *, state: SecretStr, challenge: str, redirect_uri: str) -> str:
        """Return the URL of the provider's authorization page, with an S256 challenge (RFC 7636)."""
        ...

    async def exchange(self, code: SecretStr, *, verifier: SecretStr, redirect_uri: str) -> TokenGrant:
        """Exchange a code for a grant; the code is sent once and never retried.

        Raises:
            ProviderFailure: see providers/errors.py.
        """
        ...

    async def refresh(self, grant: TokenGrant) -> TokenGrant:
        """Return the next grant; a refresh token or scope that the response omits is taken from `grant`.

        Raises:
            GrantRefused: the grant is no longer valid.
            ProviderFailure: see providers/errors.py.
        """
        ...


@runtime_checkable
class SecretAdapter(Adapter, Protocol):
    """A provider that shows the user secrets to copy."""

    @property
    def fields(self) -> Sequence[SecretField]:
        """The secrets that the user copies."""
        ...

    async def claim(self, secrets: Mapping[str, SecretStr]) -> TokenGrant:
        """Return the grant for the copied secrets, one value for each of `fields`.

        Raises:
            SecretRefused: a secret is malformed, unknown to the provider, or already used.
            ProviderFailure: see providers/errors.py.
        """
        ...


def read_secret(field: SecretField, secrets: Mapping[str, SecretStr]) -> SecretStr:
    """Return one of the entered secrets, without surrounding blanks.

    Raises:
        SecretRefused: it is missing or too long, or holds blanks, control characters or non-ASCII characters.
    """
    value = secrets.get(field.name, SecretStr("")).get_secret_value().strip()
    if not value or len(value) > field.max_characters:
        raise SecretRefused(
            f"{field.name} has {len(value)} characters; expected 1 to {field.max_characters}",
            detail="malformed",
        )
    if not all("!" <= character <= "~" for character in value):
        raise SecretRefused(
            f"{field.name} holds blanks or non-ASCII characters; expected visible ASCII", detail="malformed"
        )
    return SecretStr(value)
