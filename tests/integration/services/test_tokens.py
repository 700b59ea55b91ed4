"""A grant is stored sealed, bound to its row, and opens again there alone."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tortoise import connections

from dashtam.errors import InvalidRequest, NotFound, SealError
from dashtam.models import AuditEntry, ConnectionStatus, ProviderConnection, ProviderToken, User
from dashtam.security.cipher import Cipher
from dashtam.services.connections import create_connection
from dashtam.services.tokens import TokenGrant, list_key_ids, open_grant, store_grant
from tests.support.makers import make_connection, make_provider, make_user

pytestmark = pytest.mark.usefixtures("transaction")
CIPHER = Cipher({"new": bytes(range(32))})
GRANT = TokenGrant(
    access_token=SecretStr("canary-access"),
    refresh_token=SecretStr("canary-refresh"),
    expires_at=datetime.now(UTC) + timedelta(minutes=30),
    scope="read",
)


async def connect(user: User | None = None) -> ProviderConnection:
    provider = await make_provider()
    return await create_connection(
        user_id=(user or await make_user()).id, provider_key=provider.key, alias="Savings"
    )


async def test_what_was_stored_opens_again() -> None:
    connection = await connect()
    await store_grant(connection.id, GRANT, cipher=CIPHER)
    assert await open_grant(connection.id, cipher=CIPHER) == GRANT


async def test_no_row_of_any_table_holds_a_secret_in_clear() -> None:
    connection = await connect()
    await store_grant(connection.id, GRANT, cipher=CIPHER)
    for table in ("users", "provider_connections", "provider_tokens", "provider_audit_logs"):
        rows = await connections.get("default").execute_query_dict(f"SELECT t::text AS row FROM {table} t")
        assert not [row for row in rows if "canary" in row["row"] or b"canary".hex() in row["row"]]


async def test_a_stored_grant_activates_the_connection_and_is_audited() -> None:
    connection = await connect()
    assert connection.status is ConnectionStatus.PENDING
    token = await store_grant(connection.id, GRANT, cipher=CIPHER)
    stored = await ProviderConnection.get(id=connection.id)
    assert stored.status is ConnectionStatus.ACTIVE
    assert stored.connected_at is not None
    assert (token.key_id, token.version) == ("new", 1)
    entries = await AuditEntry.filter(connection_id=connection.id).order_by("id")
    assert [entry.action for entry in entries] == ["connection.created", "connection.activated"]


async def test_a_new_grant_replaces_the_earlier_one() -> None:
    connection = await connect()
    await store_grant(connection.id, GRANT, cipher=CIPHER)
    await store_grant(connection.id, TokenGrant(access_token=SecretStr("second")), cipher=CIPHER)
    opened = await open_grant(connection.id, cipher=CIPHER)
    assert (opened.access_token.get_secret_value(), opened.refresh_token) == ("second", None)
    assert (await ProviderToken.get(connection_id=connection.id)).version == 2
    assert await AuditEntry.filter(connection_id=connection.id, action="token.replaced").count() == 1


async def test_a_sealed_value_does_not_open_in_another_row() -> None:
    one, other = await connect(), await connect()
    await store_grant(one.id, GRANT, cipher=CIPHER)
    await store_grant(other.id, GRANT, cipher=CIPHER)
    stolen = (await ProviderToken.get(connection_id=one.id)).access_token_sealed
    await ProviderToken.filter(connection_id=other.id).update(access_token_sealed=stolen)
    with pytest.raises(SealError):
        await open_grant(other.id, cipher=CIPHER)


async def test_a_sealed_value_does_not_open_in_another_column() -> None:
    connection = await connect()
    await store_grant(connection.id, GRANT, cipher=CIPHER)
    token = await ProviderToken.get(connection_id=connection.id)
    await ProviderToken.filter(id=token.id).update(access_token_sealed=token.refresh_token_sealed)
    with pytest.raises(SealError):
        await open_grant(connection.id, cipher=CIPHER)


async def test_nothing_is_stored_for_a_connection_that_does_not_exist() -> None:
    with pytest.raises(NotFound):
        await store_grant(uuid4(), GRANT, cipher=CIPHER)
    with pytest.raises(NotFound):
        await open_grant(uuid4(), cipher=CIPHER)


async def test_the_keys_in_use_are_listed_once_each() -> None:
    for _ in range(2):
        await store_grant((await connect()).id, GRANT, cipher=CIPHER)
    await store_grant((await connect()).id, GRANT, cipher=Cipher({"old": bytes(32)}))
    assert await list_key_ids() == {"new", "old"}


async def test_a_grant_does_not_show_its_secrets() -> None:
    assert "canary" not in repr(GRANT)


async def test_an_unknown_provider_is_not_found() -> None:
    with pytest.raises(NotFound, match="no provider"):
        await create_connection(user_id=(await make_user()).id, provider_key="nobody", alias="x")


async def test_two_connections_of_a_user_differ_by_alias() -> None:
    existing = await make_connection(alias="Savings")
    provider = await make_provider()
    with pytest.raises(InvalidRequest, match="already"):
        await create_connection(user_id=existing.user_id, provider_key=provider.key, alias="Savings")
