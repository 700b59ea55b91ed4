"""Standing links between users and providers: listed, named, ended and forgotten by their user."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tortoise.exceptions import IntegrityError

from dashtam.audit.attempts import attempt
from dashtam.audit.caller import UNKNOWN, Caller
from dashtam.audit.trail import AuditTrail, user_actor
from dashtam.connections.allowance import require_room
from dashtam.connections.errors import AliasTaken
from dashtam.database.versions import Precondition, version_of
from dashtam.errors import DashtamError, NotFound
from dashtam.logs.pipeline import get_logger
from dashtam.models import (
    AuthorizationRequest,
    ConnectionReason,
    ConnectionStatus,
    Outcome,
    Provider,
    ProviderConnection,
    ProviderToken,
)
from dashtam.providers.registry import Registry
from dashtam.sealing.keys import Keys
from dashtam.tokens import revocations

_IMPATIENCE: Final = 5.0
"""Seconds that whoever disconnects waits for the provider to be told; the queue goes on after that."""
_log = get_logger(__name__)


@dataclass(frozen=True)
class Standing:
    """A connection, and what there is to know of its token without opening it."""

    connection: ProviderConnection
    expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    scope: str = ""
    token_version: int = 0

    @property
    def version(self) -> str:
        """Changes with whatever a client can see of it."""
        return version_of(self.connection.id, self.connection.updated_at, self.token_version)


class Connections:
    """The connections of all users; whoever asks sees their own."""

    def __init__(self, registry: Registry, keys: Keys, trail: AuditTrail) -> None:
        self._registry = registry
        self._keys = keys
        self._trail = trail

    async def list_connections(self, user_id: UUID, *, limit: int, after: UUID) -> Sequence[Standing]:
        """List the connections of a user that were made after `after`, the oldest first."""
        found = ProviderConnection.filter(user_id=user_id, id__gt=after).order_by("id").limit(limit)
        return await standings(await found.select_related("provider"))

    async def get(self, user_id: UUID, connection_id: UUID) -> Standing:
        """A connection of a user.

        Raises:
            NotFound: the user has no such connection.
        """
        found = ProviderConnection.filter(id=connection_id, user_id=user_id).select_related("provider")
        return (await standings([_theirs(await found.first(), connection_id)]))[0]

    async def rename(
        self, user_id: UUID, connection_id: UUID, *, alias: str, precondition: Precondition, caller: Caller
    ) -> Standing:
        """Give a connection another alias.

        Raises:
            NotFound: the user has no such connection.
            PreconditionFailed: it has changed since it was read.
            AliasTaken: another connection of the user has it.
        """
        async with attempt(self._trail, "connection.renamed", caller=caller, user_id=user_id):
            try:
                async with self._trail.transaction():
                    connection = await lock_connection(user_id, connection_id)
                    precondition.require((await standings([connection]))[0].version)
                    connection.alias = alias
                    await connection.save(update_fields=["alias", "updated_at"])
                    await self._record("connection.renamed", connection, caller)
            except IntegrityError:
                raise AliasTaken(f"the user has another connection called {alias!r}") from None
        return await self.get(user_id, connection_id)

    async def disconnect(self, user_id: UUID, connection_id: UUID, *, caller: Caller) -> Standing:
        """End a connection: its token is of no use here from now on, and the provider is told.

        A provider that does not answer at once is told later; see revocations.py.

        Raises:
            NotFound: the user has no such connection.
        """
        action = "connection.disconnected"
        async with (
            attempt(self._trail, action, caller=caller, user_id=user_id),
            self._trail.transaction(),
        ):
            connection = await self._end(user_id, connection_id)
            connection.status = ConnectionStatus.REVOKED
            connection.reason = ConnectionReason.DISCONNECTED
            await connection.save(update_fields=["status", "reason", "updated_at"])
            await self._record(action, connection, caller)
        await self._revoke_soon(connection_id)
        return await self.get(user_id, connection_id)

    async def forget(self, user_id: UUID, connection_id: UUID, *, caller: Caller) -> None:
        """End a connection as `disconnect` does, and remove it with all that belongs to it but audit entries.

        Raises:
            NotFound: the user has no such connection.
        """
        action = "connection.deleted"
        async with (
            attempt(self._trail, action, caller=caller, user_id=user_id),
            self._trail.transaction(),
        ):
            connection = await self._end(user_id, connection_id)
            await connection.delete()
            await self._record(action, connection, caller)
        await self._revoke_soon(connection_id)

    async def _end(self, user_id: UUID, connection_id: UUID) -> ProviderConnection:
        """Take everything from a connection that could make it work again; it stays locked."""
        connection = await lock_connection(user_id, connection_id)
        await AuthorizationRequest.filter(connection_id=connection.id).delete()
        await revocations.queue_stored([connection.id], keys=self._keys, trail=self._trail)
        return connection

    async def _revoke_soon(self, connection_id: UUID) -> None:
        """Tell the provider at once if it answers soon; what is done is done, whatever becomes of this."""
        try:
            async with asyncio.timeout(_IMPATIENCE):
                await revocations.revoke_due(
                    registry=self._registry,
                    keys=self._keys,
                    trail=self._trail,
                    connection_ids=[connection_id],
                )
        except (TimeoutError, OSError, DashtamError) as error:
            _log.warning("a provider is told later", connection_id=str(connection_id), reason=str(error))

    async def _record(self, action: str, connection: ProviderConnection, caller: Caller) -> None:
        await self._trail.record(
            action,
            Outcome.SUCCEEDED,
            actor=user_actor(connection.user_id),
            user_id=connection.user_id,
            connection_id=connection.id,
            provider_id=connection.provider_id,
            caller=caller,
        )


async def create_connection(
    *, user_id: UUID, provider_key: str, alias: str, trail: AuditTrail, caller: Caller = UNKNOWN
) -> ProviderConnection:
    """Begin a user's link with a provider; it is pending until a grant is stored.

    Raises:
        NotFound: no provider of that key, or no such user.
        AliasTaken: the user has a connection of that alias already.
        TooManyConnections: the user has so many that one more has no room.
    """
    provider = await Provider.get_or_none(key=provider_key)
    if provider is None:
        raise NotFound(f"no provider has the key {provider_key!r}")
    try:
        async with trail.transaction():
            await require_room(user_id, None, is_pending=True)
            connection = await ProviderConnection.create(user_id=user_id, provider=provider, alias=alias)
            await trail.record(
                "connection.created",
                Outcome.SUCCEEDED,
                actor=user_actor(user_id),
                user_id=user_id,
                connection_id=connection.id,
                provider_id=provider.id,
                caller=caller,
            )
    except IntegrityError as error:
        if await ProviderConnection.exists(user_id=user_id, alias=alias):
            raise AliasTaken(f"the user has a connection called {alias!r} already") from error
        raise NotFound(f"there is no user {user_id}") from error
    return connection


async def lock_connection(user_id: UUID, connection_id: UUID) -> ProviderConnection:
    """Lock a connection of a user until the surrounding database transaction ends.

    Raises:
        NotFound: the user has no such connection.
    """
    found = ProviderConnection.filter(id=connection_id, user_id=user_id).select_for_update()
    connection = _theirs(await found.first(), connection_id)
    await connection.fetch_related("provider")
    return connection


async def standings(connections: Sequence[ProviderConnection]) -> list[Standing]:
    """Join connections with what is not secret of their tokens."""
    ids = [connection.id for connection in connections]
    facts = ("connection_id", "expires_at", "refresh_expires_at", "scope", "version")
    tokens = {
        row["connection_id"]: row for row in await ProviderToken.filter(connection_id__in=ids).values(*facts)
    }
    return [_standing(connection, tokens.get(connection.id)) for connection in connections]


def _standing(connection: ProviderConnection, token: dict[str, Any] | None) -> Standing:
    if token is None:
        return Standing(connection)
    return Standing(
        connection,
        expires_at=token["expires_at"],
        refresh_expires_at=token["refresh_expires_at"],
        scope=token["scope"],
        token_version=token["version"],
    )


def _theirs(connection: ProviderConnection | None, connection_id: UUID) -> ProviderConnection:
    if connection is None:
        raise NotFound(f"the user has no connection {connection_id}")
    return connection
