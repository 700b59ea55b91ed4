"""What providers granted us: sealed on its way into the database, opened only by name.

A script that stores a grant, to be run where the application runs:

    async with open_resources(load_settings(Settings), process="script") as resources:
        trail = resources.trail
        connection = await create_connection(user_id=user.id, provider_key="sandbox", alias="Savings", trail=trail)
        await store_grant(connection.id, grant, keys=resources.keys, trail=trail)
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from pydantic import SecretStr
from tortoise import connections

from dashtam.audit.trail import SYSTEM, AuditTrail
from dashtam.errors import NotFound
from dashtam.models import ConnectionReason, ConnectionStatus, Outcome, ProviderConnection, ProviderToken
from dashtam.providers.base import Profile, TokenGrant
from dashtam.sealing.columns import ACCESS_TOKEN, REFRESH_TOKEN
from dashtam.sealing.keys import Keys
from dashtam.tokens.expiry import Lifetimes, complete, lifetimes_of, missing_scopes, next_look

# Written out, not built by the ORM: whoever speaks to a provider asks it first.
_FIND: Final = """
SELECT c.id AS connection_id, c.user_id, c.provider_id, p.key AS provider_key, c.status, c.reason,
       t.id AS token_id, t.version, t.access_token_sealed, t.refresh_token_sealed, t.scope, t.granted_at, t.expires_at,
       t.refresh_expires_at, t.refresh_due_at, t.refresh_failures, t.refresh_failure, t.warned_at
FROM provider_connections c JOIN providers p ON p.id = c.provider_id
LEFT JOIN provider_tokens t ON t.connection_id = c.id WHERE c.id = $1
"""
_FIND_THEIRS: Final = f"{_FIND} AND c.user_id = $2"


@dataclass(frozen=True, slots=True)
class Stored:
    """A connection and what is stored for it, as it was read; its secrets are sealed."""

    connection_id: UUID
    user_id: UUID
    provider_id: UUID
    provider_key: str
    status: str
    reason: str | None
    token_id: UUID | None
    """None: nothing is stored; then the rest says nothing."""
    version: int
    access_token_sealed: bytes = field(repr=False)
    refresh_token_sealed: bytes | None = field(repr=False)
    scope: str
    granted_at: datetime | None
    expires_at: datetime | None
    refresh_expires_at: datetime | None
    refresh_due_at: datetime | None
    refresh_failures: int
    refresh_failure: str | None
    warned_at: datetime | None

    @property
    def lifetimes(self) -> Lifetimes:
        """What is known of how long it lives."""
        return Lifetimes(
            self.granted_at,
            self.expires_at,
            self.refresh_expires_at,
            has_refresh_token=self.refresh_token_sealed is not None,
            is_warned=self.warned_at is not None,
        )


async def find_stored(connection_id: UUID, *, user_id: UUID | None = None) -> Stored:
    """Read what is stored for a connection, of this user where one is named; one indexed read.

    Raises:
        NotFound: there is no such connection, or it is somebody else's.
    """
    query, values = (_FIND, [connection_id]) if user_id is None else (_FIND_THEIRS, [connection_id, user_id])
    rows = await connections.get("default").execute_query_dict(query, values)
    if not rows:
        raise NotFound(f"there is no connection {connection_id}")
    return Stored(**rows[0])


async def open_access(stored: Stored, keys: Keys) -> SecretStr:
    """Open the access token of what was read.

    Raises:
        NotFound: nothing is stored.
        SealError: the stored value was changed or moved, or its key is gone.
    """
    place = ACCESS_TOKEN.context(_token_id(stored), stored.user_id, stored.version)
    return await keys.open(stored.access_token_sealed, context=place)


async def open_stored(stored: Stored, keys: Keys) -> TokenGrant:
    """Open all of what was read, as `open_access` opens a part."""
    refresh = stored.refresh_token_sealed
    place = REFRESH_TOKEN.context(_token_id(stored), stored.user_id, stored.version)
    return TokenGrant(
        access_token=await open_access(stored, keys),
        refresh_token=None if refresh is None else await keys.open(refresh, context=place),
        expires_at=stored.expires_at,
        refresh_expires_at=stored.refresh_expires_at,
        scope=stored.scope,
        granted_at=stored.granted_at,
    )


def _token_id(stored: Stored) -> UUID:
    if stored.token_id is None:
        raise NotFound(f"no token is stored for the connection {stored.connection_id}")
    return stored.token_id


async def store_grant(
    connection_id: UUID,
    grant: TokenGrant,
    *,
    keys: Keys,
    trail: AuditTrail,
    profile: Profile | None = None,
) -> ProviderToken:
    """Seal a grant and store it in place of the connection's earlier one; the connection becomes active.

    With the provider's profile, what its answer left out is filled in, the refresher learns when to look at it, and a
    connection that was granted less than it needs is failed, not active.

    Raises:
        NotFound: there is no such connection.
    """
    if profile is not None:
        began = grant.granted_at or datetime.now(UTC)
        grant = complete(grant, profile=profile, earlier=None, began=began)
    async with trail.transaction():
        # The lock on the connection makes concurrent grants replace each other one by one.
        connection = await ProviderConnection.select_for_update().get_or_none(id=connection_id)
        if connection is None:
            raise NotFound(f"there is no connection {connection_id}")
        token = await ProviderToken.get_or_none(connection_id=connection_id)
        if token is None:
            token = ProviderToken(connection=connection, version=0)
        token.warned_at = None  # whatever was said of the grant before
        await _fill(token, grant, connection.user_id, keys, profile)
        await token.save()
        await _activate(connection, missing_scopes(grant.scope, profile) if profile else [])
        await trail.record(
            "connection.activated" if token.version == 1 else "token.replaced",
            Outcome.SUCCEEDED,
            actor=SYSTEM,
            user_id=connection.user_id,
            connection_id=connection.id,
            provider_id=connection.provider_id,
            details={"key_id": token.key_id, "version": token.version},
        )
    return token


async def replace_grant(stored: Stored, grant: TokenGrant, *, keys: Keys, profile: Profile) -> int | None:
    """Put a grant in the place of what was read, inside a database transaction; answers the new version.

    None: it is not there any more as it was read (its version moved, or it is gone), and nothing was changed.
    """
    token = ProviderToken(  # in memory only
        id=_token_id(stored),
        connection_id=stored.connection_id,
        version=stored.version,
        refresh_expires_at=stored.refresh_expires_at,
        warned_at=stored.warned_at,
    )
    await _fill(token, grant, stored.user_id, keys, profile)
    columns = [getattr(token, name) for name in _REPLACED]
    changed, _ = await connections.get("default").execute_query(
        _REPLACE, [token.id, stored.version, *columns]
    )
    return token.version if changed else None


_REPLACED: Final = (
    *("access_token_sealed", "refresh_token_sealed", "key_id", "scope", "version"),
    *("granted_at", "expires_at", "refresh_expires_at"),
    *("refresh_due_at", "refresh_failures", "refresh_failure", "warned_at"),
)


_SETS: Final = ", ".join(f"{name} = ${place}" for place, name in enumerate(_REPLACED, start=3))
_REPLACE: Final = (
    f"UPDATE provider_tokens SET {_SETS} "  # noqa: S608  # names of ours
    "WHERE id = $1 AND version = $2"
)


async def open_grant(connection_id: UUID, *, keys: Keys) -> TokenGrant:
    """Read and open what is stored for a connection, whether it is valid or not.

    Raises:
        NotFound: nothing is stored for it.
        SealError: the stored value was changed or moved, or its key is gone.
    """
    return await open_stored(await find_stored(connection_id), keys)


async def _fill(
    token: ProviderToken, grant: TokenGrant, user_id: UUID, keys: Keys, profile: Profile | None
) -> None:
    """Put a grant into a row, as its next version; nothing that was known of the one before it stays."""
    await _seal(token, grant, user_id, keys)
    if token.refresh_expires_at != grant.refresh_expires_at:
        token.warned_at = None  # another end, which nobody was told about
    token.granted_at = grant.granted_at
    token.expires_at = grant.expires_at
    token.refresh_expires_at = grant.refresh_expires_at
    token.scope = grant.scope
    token.refresh_due_at = _due(grant, profile, is_warned=token.warned_at is not None)
    token.refresh_failures, token.refresh_failure = 0, None


def _due(grant: TokenGrant, profile: Profile | None, *, is_warned: bool) -> datetime | None:
    if profile is None:
        return grant.expires_at
    if missing_scopes(grant.scope, profile):
        return None  # of no use, so that nobody keeps it alive
    return next_look(replace(lifetimes_of(grant), is_warned=is_warned), profile)


async def _seal(token: ProviderToken, grant: TokenGrant, user_id: UUID, keys: Keys) -> None:
    token.version += 1
    access_place = ACCESS_TOKEN.context(token.id, user_id, token.version)
    access = await keys.seal(grant.access_token, context=access_place)
    token.access_token_sealed, token.key_id = access
    token.refresh_token_sealed = None
    if grant.refresh_token is not None:
        refresh_place = REFRESH_TOKEN.context(token.id, user_id, token.version)
        refresh = await keys.seal(grant.refresh_token, context=refresh_place)
        token.refresh_token_sealed = refresh.value


async def _activate(connection: ProviderConnection, missing: list[str]) -> None:
    status = ConnectionStatus.FAILED if missing else ConnectionStatus.ACTIVE
    connection.update_from_dict(
        {"status": status, "reason": ConnectionReason.SCOPE_MISSING if missing else None}
    )
    connection.connected_at = connection.connected_at or datetime.now(UTC)
    await connection.save()
