"""The database enforces its rules for every writer: the application, psql, or a migration."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError, OperationalError
from tortoise.transactions import in_transaction

from dashtam.models import (
    AuditEntry,
    Authorization,
    CodePurpose,
    ConnectionStatus,
    Outcome,
    Provider,
    ProviderConnection,
    ProviderToken,
    Role,
    SessionKind,
    TokenKind,
    User,
)
from tests.support.makers.rows import (
    make_audit_entry,
    make_code,
    make_connection,
    make_provider,
    make_recovery_code,
    make_second_factor,
    make_session,
    make_session_token,
    make_token,
    make_user,
)

Maker = Callable[..., Awaitable[object]]

BROKEN: list[tuple[Maker, dict[str, object], str]] = [
    (make_user, {"email": "Ann@example.com"}, "users_email_is_lower_case"),
    (make_user, {"email": "ann"}, "users_email_is_an_address"),
    (make_user, {"email": "ann @example.com"}, "users_email_is_an_address"),
    (make_user, {"password_hash": ""}, "users_password_hash_is_not_empty"),
    (make_provider, {"key": "Schwab"}, "providers_key_is_a_slug"),
    (make_provider, {"key": ""}, "providers_key_is_a_slug"),
    (make_provider, {"name": "  "}, "providers_name_is_not_blank"),
    (make_provider, {"website": "http://bank.example.com"}, "providers_website_is_https"),
    (make_connection, {"alias": " "}, "provider_connections_alias_is_not_blank"),
    (make_connection, {"connected_at": None}, "provider_connections_active_was_connected"),
    (make_token, {"access_token_sealed": b""}, "provider_tokens_access_token_is_not_empty"),
    (make_token, {"refresh_token_sealed": b""}, "provider_tokens_refresh_token_is_not_empty"),
    (make_token, {"refresh_token_sealed": None}, "provider_tokens_refresh_expiry_needs_a_token"),
    (make_token, {"key_id": ""}, "provider_tokens_key_id_is_an_id"),
    (make_token, {"version": 0}, "provider_tokens_version_counts_from_one"),
    (make_audit_entry, {"actor": ""}, "provider_audit_logs_actor_is_not_blank"),
    (make_audit_entry, {"action": "Activated"}, "provider_audit_logs_action_is_dotted"),
    (make_audit_entry, {"ip": "somewhere"}, "provider_audit_logs_ip_is_an_address"),
    (make_audit_entry, {"details": [1]}, "provider_audit_logs_details_is_an_object"),
    (make_audit_entry, {"sequence": None}, "provider_audit_logs_is_chained"),
    (make_audit_entry, {"sequence": 0}, "provider_audit_logs_is_chained"),
    (make_audit_entry, {"hash": None}, "provider_audit_logs_is_chained"),
    (make_audit_entry, {"hash": bytes(31)}, "provider_audit_logs_is_chained"),
    (make_code, {"code_hash": "x" * 64}, "one_time_codes_code_hash_is_a_hash"),
    (make_code, {"password_hash": "x"}, "one_time_codes_registration_brings_a_password"),
    (make_code, {"purpose": CodePurpose.REGISTRATION}, "one_time_codes_registration_brings_a_password"),
    (make_session, {"name": " "}, "sessions_name_is_not_blank"),
    (make_session, {"scopes": "write"}, "sessions_scopes_are_known"),
    (make_session, {"ip": "somewhere"}, "sessions_ip_is_an_address"),
    (make_session_token, {"token_hash": "ABC"}, "session_tokens_token_hash_is_a_hash"),
    (make_session_token, {"used_at": datetime.now(UTC)}, "session_tokens_only_refresh_is_used"),
    (make_second_factor, {"secret_sealed": b""}, "second_factors_secret_is_not_empty"),
    (make_second_factor, {"key_id": ""}, "second_factors_key_id_is_an_id"),
    (make_recovery_code, {"code_hash": ""}, "recovery_codes_code_hash_is_a_hash"),
]


@pytest.mark.usefixtures("transaction")
@pytest.mark.parametrize(("make", "values", "rule"), BROKEN)
async def test_a_row_that_breaks_a_rule_is_refused_by_name(
    make: Maker, values: dict[str, object], rule: str
) -> None:
    with pytest.raises(IntegrityError, match=rule):
        async with in_transaction():
            await make(**values)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("providers_authorization_is_known", Authorization),
        ("provider_connections_status_is_known", ConnectionStatus),
        ("provider_audit_logs_outcome_is_known", Outcome),
        ("users_role_is_known", Role),
        ("one_time_codes_purpose_is_known", CodePurpose),
        ("sessions_kind_is_known", SessionKind),
        ("session_tokens_kind_is_known", TokenKind),
    ],
)
async def test_the_database_accepts_only_the_values_of_the_enum(
    transaction: BaseDBAsyncClient, rule: str, words: type[StrEnum]
) -> None:
    (row,) = await transaction.execute_query_dict(
        "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conname = $1", [rule]
    )
    assert set(re.findall(r"'(\w+)'", row["text"])) == {word.value for word in words}


@pytest.mark.usefixtures("transaction")
async def test_an_alias_is_unique_per_user_and_free_for_another() -> None:
    first = await make_connection(alias="savings")
    await make_connection(alias="savings")
    with pytest.raises(IntegrityError):
        async with in_transaction():
            await make_connection(alias="savings", user=await User.get(id=first.user_id))


@pytest.mark.usefixtures("transaction")
async def test_an_address_belongs_to_one_user() -> None:
    await make_user(email="ann@example.com")
    with pytest.raises(IntegrityError):
        async with in_transaction():
            await make_user(email="ann@example.com")


async def test_deleting_a_user_deletes_connections_and_tokens_but_not_the_audit_trail(
    transaction: BaseDBAsyncClient,
) -> None:
    token = await make_token()
    connection = await ProviderConnection.get(id=token.connection_id)
    entry = await make_audit_entry(user_id=connection.user_id, connection_id=connection.id)
    await User.filter(id=connection.user_id).delete()
    assert not await ProviderConnection.exists(id=connection.id)
    assert not await ProviderToken.exists(id=token.id)
    assert (await AuditEntry.get(id=entry.id)).user_id == connection.user_id


@pytest.mark.usefixtures("transaction")
async def test_a_provider_with_connections_cannot_be_removed_from_the_catalogue() -> None:
    connection = await make_connection()
    with pytest.raises((IntegrityError, OperationalError)):
        async with in_transaction():
            await Provider.filter(id=connection.provider_id).delete()


@pytest.mark.usefixtures("transaction")
async def test_a_connection_has_one_token() -> None:
    token = await make_token()
    with pytest.raises(IntegrityError):
        async with in_transaction():
            await make_token(connection=await ProviderConnection.get(id=token.connection_id))


@pytest.mark.usefixtures("transaction")
async def test_keys_are_version_7_and_sort_by_age() -> None:
    users = [await make_user() for _ in range(5)]
    assert [user.id.version for user in users] == [7] * 5
    assert [user.id for user in await User.all().order_by("id")] == [user.id for user in users]


async def test_the_database_generates_missing_keys_and_times(
    transaction: BaseDBAsyncClient,
) -> None:
    await transaction.execute_script(
        "INSERT INTO users (email, password_hash) VALUES ('raw@example.com', 'x')"
    )
    user = await User.get(email="raw@example.com")
    assert user.id.version == 7
    assert user.created_at == user.updated_at


async def test_an_update_without_updated_at_still_sets_it(
    transaction: BaseDBAsyncClient,
) -> None:
    user = await make_user(email="old@example.com")
    await transaction.execute_script("UPDATE users SET updated_at = '2020-01-01T00:00:00Z'")
    await User.filter(id=user.id).update(password_hash="scrypt:y")
    assert (await User.get(id=user.id)).updated_at > datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.usefixtures("transaction")
async def test_times_are_read_aware_and_in_utc() -> None:
    token = await ProviderToken.get(id=(await make_token()).id)
    assert token.expires_at is not None
    assert token.expires_at.utcoffset() == datetime.now(UTC).utcoffset()


@pytest.mark.usefixtures("transaction")
async def test_sealed_bytes_are_read_unchanged() -> None:
    sealed = bytes(range(256))
    token = await make_token(access_token_sealed=sealed, refresh_token_sealed=None, refresh_expires_at=None)
    assert (await ProviderToken.get(id=token.id)).access_token_sealed == sealed


async def test_every_time_column_has_a_time_zone(transaction: BaseDBAsyncClient) -> None:
    rows = await transaction.execute_query_dict(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'"
    )
    assert rows == []


@pytest.mark.usefixtures("transaction")
async def test_an_entry_may_refer_to_rows_that_never_existed() -> None:
    entry = await make_audit_entry(user_id=uuid4(), ip="2001:db8::1", user_agent="curl/8", details={"n": 1})
    assert (await AuditEntry.get(id=entry.id)).details == {"n": 1}
