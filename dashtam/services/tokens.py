"""What providers granted us: sealed on its way into the database, opened only by name.

A script that stores a grant, to be run where the application runs:

    async with open_resources(load_settings(Settings), process="script") as resources:
        connection = await create_connection(user_id=user.id, provider_key="sandbox", alias="Savings")
        await store_grant(connection.id, grant, cipher=resources.cipher)
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from pydantic import SecretStr
from tortoise.transactions import in_transaction

from dashtam.errors import NotFound
from dashtam.models import ConnectionStatus, Outcome, ProviderConnection, ProviderToken
from dashtam.security.cipher import Cipher
from dashtam.services import audit


@dataclass(frozen=True)
class TokenGrant:
    """What a provider answered, in clear: it lives in memory only, and its secrets do not show in its repr."""

    access_token: SecretStr
    refresh_token: SecretStr | None = None
    expires_at: datetime | None = None
    """Aware instant; None: the provider never said."""
    refresh_expires_at: datetime | None = None
    scope: str = ""


async def store_grant(connection_id: UUID, grant: TokenGrant, *, cipher: Cipher) -> ProviderToken:
    """Seal a grant and store it in place of the connection's earlier one; the connection becomes active.

    Raises:
        NotFound: there is no such connection.
    """
    async with in_transaction():
        # The lock on the connection makes concurrent grants replace each other one by one.
        connection = await ProviderConnection.select_for_update().get_or_none(id=connection_id)
        if connection is None:
            raise NotFound(f"there is no connection {connection_id}")
        token = await ProviderToken.get_or_none(connection_id=connection_id)
        if token is None:
            token = ProviderToken(connection=connection, version=0)
        _seal(token, grant, cipher)
        await token.save()
        await _activate(connection)
        await audit.record(
            "connection.activated" if token.version == 1 else "token.replaced",
            Outcome.SUCCEEDED,
            actor=audit.SYSTEM,
            user_id=connection.user_id,
            connection_id=connection.id,
            provider_id=connection.provider_id,
            details={"key_id": token.key_id, "version": token.version},
        )
    return token


async def open_grant(connection_id: UUID, *, cipher: Cipher) -> TokenGrant:
    """Read and open what is stored for a connection.

    Raises:
        NotFound: nothing is stored for it.
        SealError: the stored value was changed or moved, or its key is gone.
    """
    token = await ProviderToken.get_or_none(connection_id=connection_id)
    if token is None:
        raise NotFound(f"no token is stored for the connection {connection_id}")
    refresh = token.refresh_token_sealed
    return TokenGrant(
        access_token=cipher.open(token.access_token_sealed, context=token.access_context),
        refresh_token=None if refresh is None else cipher.open(refresh, context=token.refresh_context),
        expires_at=token.expires_at,
        refresh_expires_at=token.refresh_expires_at,
        scope=token.scope,
    )


async def list_key_ids() -> frozenset[str]:
    """List the ids of the keys that seal at least one stored token."""
    return frozenset(str(row["key_id"]) for row in await ProviderToken.all().distinct().values("key_id"))


def _seal(token: ProviderToken, grant: TokenGrant, cipher: Cipher) -> None:
    token.access_token_sealed = cipher.seal(grant.access_token, context=token.access_context)
    token.refresh_token_sealed = (
        None
        if grant.refresh_token is None
        else cipher.seal(grant.refresh_token, context=token.refresh_context)
    )
    token.key_id = cipher.sealing_key_id
    token.expires_at = grant.expires_at
    token.refresh_expires_at = grant.refresh_expires_at
    token.scope = grant.scope
    token.version += 1


async def _activate(connection: ProviderConnection) -> None:
    connection.status = ConnectionStatus.ACTIVE
    connection.connected_at = connection.connected_at or datetime.now(UTC)
    await connection.save()
