"""What every provider's adapter is: a description of the institution, and the calls that let us in.

There are two ways in. An `OAuthAdapter` sends the user to the institution and exchanges the code that comes back
(OAuth 2.1); a `SecretAdapter` takes what the user copied from the institution's own pages. Both answer with a
`TokenGrant`, and both tell what went wrong with the exceptions of providers/errors.py and with nothing else.
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
    """What a provider answered, in clear: it lives in memory only, and its secrets do not show in its repr."""

    access_token: SecretStr
    refresh_token: SecretStr | None = None
    expires_at: datetime | None = None
    """Aware instant, counted from the start of the request; None: it does not expire, or nobody knows."""
    refresh_expires_at: datetime | None = None
    scope: str = ""
    """Space-separated, as granted (RFC 6749, 3.3)."""
    granted_at: datetime | None = None
    """When the request for it began; an adapter always says it."""


@dataclass(frozen=True)
class Profile:
    """What there is to know about an institution before anybody connects to it."""

    key: str
    """The stable slug."""
    name: str
    description: str
    website: str
    authorization: Authorization
    scopes: tuple[str, ...] = ()
    """What we ask for: the least that accounts, holdings and transactions can be read with."""
    required_scopes: frozenset[str] = frozenset()
    """Without these a grant is of no use."""
    refresh_margin: timedelta = timedelta(minutes=5)
    """How long before its end an access token is replaced: more than clocks differ."""
    access_ttl: timedelta | None = None
    """How long an access token lives where the answer does not say; None: for good."""
    refresh_ttl: timedelta | None = None
    """How long a refresh token lives where the answer does not say; None: nobody knows."""
    is_refresh_ttl_fixed: bool = False
    """Whether refreshing leaves the end of the refresh token where it was, as Schwab does."""
    warn_before: timedelta = timedelta(days=1)
    """How long before a refresh token ends its user is told."""
    grace: timedelta = timedelta(0)
    """How long the provider takes a replaced refresh token once more, for whoever lost the answer."""

    def missing_scopes(self, scope: str) -> frozenset[str]:
        """Say what a granted scope lacks of what we need; empty: nothing."""
        return self.required_scopes - frozenset(scope.split())


@dataclass(frozen=True)
class SecretField:
    """Something that the user copies from the institution's pages."""

    name: str
    label: str
    max_characters: int = 4096


class Adapter(Protocol):
    """Code that speaks to one provider."""

    @property
    def profile(self) -> Profile:
        """What there is to know about it."""
        ...

    @property
    def is_configured(self) -> bool:
        """Whether the settings hold what this provider asks of an installation: its client id and secret."""
        ...

    async def revoke(self, token: SecretStr, *, hint: str) -> bool:
        """Have the provider forget a token; false: this provider offers no way.

        `hint` is access_token or refresh_token (RFC 7009, 2.1). Returning true means that the token is dead, or was.

        Raises:
            ProviderFailure: see providers/errors.py; the token has to be believed alive.
        """
        ...


@runtime_checkable
class OAuthAdapter(Adapter, Protocol):
    """A provider to whom the user is sent."""

    @property
    def issuer(self) -> str | None:
        """The issuer that an answer has to name (RFC 9207); None: this provider names none."""
        ...

    def authorization_url(self, *, state: SecretStr, challenge: str, redirect_uri: str) -> str:
        """Where the user is sent, with an S256 challenge (RFC 7636)."""
        ...

    async def exchange(self, code: SecretStr, *, verifier: SecretStr, redirect_uri: str) -> TokenGrant:
        """Exchange a code, once: whatever happens, it is never sent again.

        Raises:
            ProviderFailure: see providers/errors.py.
        """
        ...

    async def refresh(self, grant: TokenGrant) -> TokenGrant:
        """Ask for the next grant; what the answer leaves out (refresh token, scope) is taken from the one before.

        Raises:
            GrantRefused: the grant is dead.
            ProviderFailure: see providers/errors.py.
        """
        ...


@runtime_checkable
class SecretAdapter(Adapter, Protocol):
    """A provider that gave the user something to copy."""

    @property
    def fields(self) -> Sequence[SecretField]:
        """What the user has to bring."""
        ...

    async def claim(self, secrets: Mapping[str, SecretStr]) -> TokenGrant:
        """Make a grant of what the user brought, one value for each of `fields`.

        Raises:
            SecretRefused: the provider does not take it, or took it before.
            ProviderFailure: see providers/errors.py.
        """
        ...


def read_secret(field: SecretField, secrets: Mapping[str, SecretStr]) -> SecretStr:
    """Take one field of what a user entered, without the blanks around it.

    Raises:
        SecretRefused: it is missing, too long, or holds what nobody copies: blanks, controls, signs beyond ASCII.
    """
    value = secrets.get(field.name, SecretStr("")).get_secret_value().strip()
    if not value or len(value) > field.max_characters:
        raise SecretRefused(
            f"{field.name} has {len(value)} signs; expected 1 to {field.max_characters}", detail="malformed"
        )
    if not all("!" <= sign <= "~" for sign in value):
        raise SecretRefused(f"{field.name} holds signs that no secret has", detail="malformed")
    return SecretStr(value)
