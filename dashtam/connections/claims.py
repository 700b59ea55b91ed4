"""Connections to providers that gave the user something to copy: claimed at once, without a browser."""

from collections.abc import Mapping
from uuid import UUID

from pydantic import SecretStr

from dashtam.audit.attempts import attempt
from dashtam.audit.trail import AuditTrail, user_actor
from dashtam.connections.allowance import check_limit, lock_owner
from dashtam.connections.authorizations import Asker
from dashtam.connections.lifecycle import Connections, Standing, create_connection, lock_connection
from dashtam.connections.outcomes import audit_outcome, audit_reason
from dashtam.errors import DashtamError, InvalidBody
from dashtam.models import Outcome, ProviderConnection
from dashtam.providers.base import SecretAdapter, TokenGrant
from dashtam.providers.errors import NotConnectable, ScopeMissing
from dashtam.providers.registry import Registry
from dashtam.sealing.keys import Keys
from dashtam.tokens import revocations
from dashtam.tokens.store import store_grant


class Claims:
    """Makes grants of what users copied."""

    def __init__(self, registry: Registry, keys: Keys, trail: AuditTrail, connections: Connections) -> None:
        self._registry = registry
        self._keys = keys
        self._trail = trail
        self._connections = connections

    def fields_of(self, provider_key: str) -> dict[str, str]:
        """Name and label of each thing that the user has to bring; empty: this provider is asked in a browser.

        Raises:
            NotConnectable: this installation cannot connect to this provider.
        """
        adapter = self._registry.get_usable(provider_key)
        return (
            {field.name: field.label for field in adapter.fields}
            if isinstance(adapter, SecretAdapter)
            else {}
        )

    async def connect(
        self, asker: Asker, *, provider_key: str, alias: str, secrets: Mapping[str, SecretStr]
    ) -> Standing:
        """Make a connection that is active at once; where the provider refuses, there is none.

        Raises:
            NotFound: there is no such provider.
            NotConnectable: this provider is not connected to so.
            InvalidBody: names what is missing, too much, or too long.
            AliasTaken: the user has a connection of that alias.
            TooManyConnections: the user has so many that one more has no room.
            ProviderFailure: see providers/errors.py.
        """
        adapter = self._adapter(provider_key)
        _check(adapter, secrets)
        # What the user copied can often be used but once, so the alias is taken before it is.
        async with attempt(self._trail, "connection.created", caller=asker.caller, user_id=asker.user_id):
            connection = await create_connection(
                user_id=asker.user_id,
                provider_key=provider_key,
                alias=alias,
                trail=self._trail,
                caller=asker.caller,
            )
        try:
            await self._claim(asker, connection, adapter, secrets)
        except DashtamError:
            await ProviderConnection.filter(id=connection.id, connected_at=None).delete()
            raise
        return await self._connections.get(asker.user_id, connection.id)

    async def reconnect(
        self, asker: Asker, connection_id: UUID, *, secrets: Mapping[str, SecretStr]
    ) -> Standing:
        """Give a connection a new grant in place; where the provider refuses, it stays as it is.

        Raises:
            NotFound: the user has no such connection.
            TooManyConnections: it has ended, and has no room to begin again.
            NotConnectable, InvalidBody, ProviderFailure: as `connect` does.
        """
        connection = (await self._connections.get(asker.user_id, connection_id)).connection
        adapter = self._adapter(connection.provider.key)
        _check(adapter, secrets)
        await self._claim(asker, connection, adapter, secrets)
        return await self._connections.get(asker.user_id, connection_id)

    def _adapter(self, provider_key: str) -> SecretAdapter:
        adapter = self._registry.get_usable(provider_key)
        if not isinstance(adapter, SecretAdapter):
            raise NotConnectable(f"{provider_key} is asked in a browser")
        return adapter

    async def _claim(
        self,
        asker: Asker,
        connection: ProviderConnection,
        adapter: SecretAdapter,
        secrets: Mapping[str, SecretStr],
    ) -> None:
        try:
            # What the user copied can often be used but once, so it is not spent in vain.
            if limit_error := await check_limit(asker.user_id, connection.status, is_pending=False):
                raise limit_error
            await self._store(connection, await adapter.claim(secrets), adapter, asker)
        except DashtamError as error:
            await self._record(asker, connection, audit_outcome(error), audit_reason(error))
            raise

    async def _store(
        self, connection: ProviderConnection, grant: TokenGrant, adapter: SecretAdapter, asker: Asker
    ) -> None:
        async with self._trail.transaction():
            await lock_owner(asker.user_id)
            standing = await lock_connection(asker.user_id, connection.id)
            refusal = await _find_refusal(standing, grant, adapter)
            if refusal is None:
                await store_grant(
                    connection.id, grant, keys=self._keys, trail=self._trail, profile=adapter.profile
                )
                await self._record(asker, connection, Outcome.SUCCEEDED, None)
                return
            await revocations.queue_grant(connection, grant, keys=self._keys)
        raise refusal

    async def _record(
        self, asker: Asker, connection: ProviderConnection, outcome: Outcome, reason: str | None
    ) -> None:
        await self._trail.record(
            "authorization.completed",
            outcome,
            actor=user_actor(asker.user_id),
            user_id=asker.user_id,
            connection_id=connection.id,
            provider_id=connection.provider_id,
            caller=asker.caller,
            details={} if reason is None else {"reason": reason},
        )


async def _find_refusal(
    connection: ProviderConnection, grant: TokenGrant, adapter: SecretAdapter
) -> DashtamError | None:
    """Why a grant is not kept, asked while the user is locked; None: it is."""
    missing = adapter.profile.missing_scopes(grant.scope)
    if missing:
        return ScopeMissing(f"{adapter.profile.key} did not grant {' '.join(sorted(missing))}")
    return await check_limit(connection.user_id, connection.status, is_pending=False)


def _check(adapter: SecretAdapter, secrets: Mapping[str, SecretStr]) -> None:
    """Compare what was brought with what is asked for; no value is repeated."""
    wanted = {field.name: field for field in adapter.fields}
    parts = [("secrets", f"Expected {', '.join(wanted)}")] if set(secrets) != set(wanted) else []
    for name in sorted(set(secrets) & set(wanted)):
        value, most = secrets[name].get_secret_value(), wanted[name].max_characters
        if not value.strip() or len(value) > most:
            parts.append((f"secrets.{name}", f"Expected 1 to {most} characters"))
    if parts:
        raise InvalidBody(parts=parts)
