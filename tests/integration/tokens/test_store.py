"""A grant is stored sealed, bound to its row, and opens again there alone."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tortoise import connections

from dashtam.audit.trail import AuditTrail
from dashtam.connections.errors import AliasTaken
from dashtam.connections.lifecycle import create_connection
from dashtam.errors import NotFound
from dashtam.models import AuditEntry, ConnectionStatus, ProviderConnection, ProviderToken, User
from dashtam.providers.base import TokenGrant
from dashtam.sealing.errors import SealError
from dashtam.sealing.keys import Keys
from dashtam.sealing.tables import list_key_ids
from dashtam.tokens.store import open_grant, store_grant
from tests.support.makers.rows import make_connection, make_provider, make_second_factor, make_user

pytestmark = pytest.mark.usefixtures("transaction")
GRANT = TokenGrant(
    access_token=SecretStr("canary-access"),
    refresh_token=SecretStr("canary-refresh"),
    expires_at=datetime.now(UTC) + timedelta(minutes=30),
    scope="read",
)


async def connect(trail: AuditTrail, user: User | None = None, alias: str = "Savings") -> ProviderConnection:
    provider = await make_provider()
    return await create_connection(
        user_id=(user or await make_user()).id, provider_key=provider.key, alias=alias, trail=trail
    )


async def test_what_was_stored_opens_again(trail: AuditTrail, keys: Keys) -> None:
    connection = await connect(trail)
    await store_grant(connection.id, GRANT, keys=keys, trail=trail)
    assert await open_grant(connection.id, keys=keys) == GRANT


async def test_no_row_of_any_table_holds_a_secret_in_clear(trail: AuditTrail, keys: Keys) -> None:
    connection = await connect(trail)
    await store_grant(connection.id, GRANT, keys=keys, trail=trail)
    for table in ("users", "provider_connections", "provider_tokens", "provider_audit_logs"):
        rows = await connections.get("default").execute_query_dict(f"SELECT t::text AS row FROM {table} t")
        assert not [row for row in rows if "canary" in row["row"] or b"canary".hex() in row["row"]]


async def test_a_stored_grant_activates_the_connection_and_is_audited(trail: AuditTrail, keys: Keys) -> None:
    connection = await connect(trail)
    assert connection.status is ConnectionStatus.PENDING
    token = await store_grant(connection.id, GRANT, keys=keys, trail=trail)
    stored = await ProviderConnection.get(id=connection.id)
    assert stored.status is ConnectionStatus.ACTIVE
    assert stored.connected_at is not None
    assert (token.key_id, token.version) == (keys.active.id, 1)
    entries = await AuditEntry.filter(connection_id=connection.id).order_by("id")
    assert [entry.action for entry in entries] == ["connection.created", "connection.activated"]


async def test_a_new_grant_replaces_the_earlier_one(trail: AuditTrail, keys: Keys) -> None:
    connection = await connect(trail)
    await store_grant(connection.id, GRANT, keys=keys, trail=trail)
    await store_grant(connection.id, TokenGrant(access_token=SecretStr("second")), keys=keys, trail=trail)
    opened = await open_grant(connection.id, keys=keys)
    assert (opened.access_token.get_secret_value(), opened.refresh_token) == ("second", None)
    assert (await ProviderToken.get(connection_id=connection.id)).version == 2
    assert await AuditEntry.filter(connection_id=connection.id, action="token.replaced").count() == 1


async def test_a_sealed_value_does_not_open_in_another_row(trail: AuditTrail, keys: Keys) -> None:
    user = await make_user()
    one, other = await connect(trail, user, "one"), await connect(trail, user, "other")
    await store_grant(one.id, GRANT, keys=keys, trail=trail)
    await store_grant(other.id, GRANT, keys=keys, trail=trail)
    stolen = (await ProviderToken.get(connection_id=one.id)).access_token_sealed
    await ProviderToken.filter(connection_id=other.id).update(access_token_sealed=stolen)
    with pytest.raises(SealError):
        await open_grant(other.id, keys=keys)


async def test_a_sealed_value_does_not_open_in_another_column(trail: AuditTrail, keys: Keys) -> None:
    connection = await connect(trail)
    await store_grant(connection.id, GRANT, keys=keys, trail=trail)
    token = await ProviderToken.get(connection_id=connection.id)
    await ProviderToken.filter(id=token.id).update(access_token_sealed=token.refresh_token_sealed)
    with pytest.raises(SealError):
        await open_grant(connection.id, keys=keys)


async def test_nothing_is_stored_for_a_connection_that_does_not_exist(trail: AuditTrail, keys: Keys) -> None:
    with pytest.raises(NotFound):
        await store_grant(uuid4(), GRANT, keys=keys, trail=trail)
    with pytest.raises(NotFound):
        await open_grant(uuid4(), keys=keys)


async def test_the_keys_in_use_are_listed_once_each(trail: AuditTrail, keys: Keys) -> None:
    for _ in range(2):
        await store_grant((await connect(trail)).id, GRANT, keys=keys, trail=trail)
    await make_second_factor(key_id="old")
    assert await list_key_ids() == {keys.active.id, "old"}


async def test_a_grant_does_not_show_its_secrets() -> None:
    assert "canary" not in repr(GRANT)


async def test_an_unknown_provider_is_not_found(trail: AuditTrail) -> None:
    with pytest.raises(NotFound, match="no provider"):
        await create_connection(user_id=(await make_user()).id, provider_key="nobody", alias="x", trail=trail)


async def test_two_connections_of_a_user_differ_by_alias(trail: AuditTrail) -> None:
    existing = await make_connection(alias="Savings")
    provider = await make_provider()
    with pytest.raises(AliasTaken, match="already"):
        await create_connection(
            user_id=existing.user_id, provider_key=provider.key, alias="Savings", trail=trail
        )
