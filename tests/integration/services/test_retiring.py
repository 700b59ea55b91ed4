"""The end of a data key: it is destroyed when no value anywhere names it, and stays whole before that."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.database.lifespan import open_session
from dashtam.errors import KeyNeeded, KeysNotRotated, NotFound
from dashtam.models import (
    AuditEntry,
    AuthorizationRequest,
    EncryptionKey,
    KeyState,
    Revocation,
    StoredAnswer,
)
from dashtam.security.wrapping import Wrapper, new_key_id
from dashtam.services.audit import AuditTrail
from dashtam.services.key_states import retire
from dashtam.services.rotation import alone
from dashtam.settings import TestSettings
from tests.support.makers import make_connection, make_provider, make_second_factor, make_token, make_user

NOW = datetime.now(UTC)
HASH = "0" * 64


@pytest.fixture
def session(transaction: BaseDBAsyncClient) -> asyncpg.Connection:
    """What counts the rows: the connection of the test, which alone sees what the test did."""
    connection: asyncpg.Connection = vars(transaction)["_connection"]
    return connection


@pytest.fixture
async def replaced(settings: TestSettings, session: asyncpg.Connection) -> str:
    """A key that sealed until another one took its place an hour ago; a third one did just now."""
    await EncryptionKey.filter(state=KeyState.ACTIVE).update(
        state=KeyState.DECRYPT, promoted_at=NOW - timedelta(days=2)
    )
    first, *_ = [
        await _make_key(settings, state=state, promoted_at=NOW - passed)
        for state, passed in (
            (KeyState.DECRYPT, timedelta(days=1)),
            (KeyState.DECRYPT, timedelta(hours=1)),
            (KeyState.ACTIVE, timedelta(0)),
        )
    ]
    return first


async def _make_key(settings: TestSettings, **values: object) -> str:
    key_id = new_key_id()
    wrapped = Wrapper(settings.token_keys, environment="testing").make(key_id)
    await EncryptionKey.create(id=key_id, wrapped=wrapped.value, wrapping_key_id=wrapped.key_id, **values)
    return key_id


async def _seal_access_token(value: bytes) -> None:
    await make_token(access_token_sealed=value)


async def _seal_refresh_token(value: bytes) -> None:
    await make_token(refresh_token_sealed=value)


async def _seal_second_factor(value: bytes) -> None:
    await make_second_factor(secret_sealed=value)


async def _seal_verifier(value: bytes) -> None:
    connection = await make_connection()
    await AuthorizationRequest.create(
        user_id=connection.user_id,
        connection=connection,
        ticket_hash=HASH,
        browser_hash=HASH,
        state_hash=HASH,
        verifier_sealed=value,
        key_id="test",
        expires_at=NOW,
    )


async def _seal_revoked_token(value: bytes) -> None:
    await Revocation.create(
        provider=await make_provider(),
        user_id=uuid4(),
        connection_id=uuid4(),
        token_sealed=value,
        token_type_hint="refresh_token",
        key_id="test",
        due_at=NOW,
        expires_at=NOW,
    )


async def _seal_stored_answer(value: bytes) -> None:
    await StoredAnswer.create(
        user=await make_user(), route="/", key_hash=HASH, answer_sealed=value, expires_at=NOW
    )


async def test_a_key_that_no_value_names_is_destroyed_and_that_is_on_record(
    replaced: str, session: asyncpg.Connection, trail: AuditTrail
) -> None:
    others = await EncryptionKey.exclude(id=replaced).values_list("id", "wrapped", "state")
    await retire(replaced, session=session, trail=trail)
    key = await EncryptionKey.get(id=replaced)
    assert (key.wrapped, key.state) == (None, KeyState.RETIRED)
    assert key.retired_at is not None
    entry = await AuditEntry.get(action="key.retired", details__contains={"key_id": replaced})
    assert (entry.actor, entry.outcome) == ("system", "succeeded")
    assert await EncryptionKey.exclude(id=replaced).values_list("id", "wrapped", "state") == others


@pytest.mark.parametrize(
    ("seal", "table"),
    [
        (_seal_access_token, "provider_tokens"),
        (_seal_refresh_token, "provider_tokens"),
        (_seal_second_factor, "second_factors"),
        (_seal_verifier, "authorization_requests"),
        (_seal_revoked_token, "revocations"),
        (_seal_stored_answer, "stored_answers"),
    ],
)
async def test_one_value_anywhere_keeps_its_key_whatever_its_row_says_of_keys(
    replaced: str,
    session: asyncpg.Connection,
    trail: AuditTrail,
    seal: Callable[[bytes], Awaitable[None]],
    table: str,
) -> None:
    await seal(f"v2.{replaced}.AAAA.BBBB".encode())
    before = await EncryptionKey.get(id=replaced)
    with pytest.raises(KeyNeeded) as refused:
        await retire(replaced, session=session, trail=trail)
    assert refused.value.reasons == (f"it seals 1 rows of {table}; keys.rotate seals them anew",)
    key = await EncryptionKey.get(id=replaced)
    assert (key.wrapped, key.state, key.retired_at) == (before.wrapped, KeyState.DECRYPT, None)
    assert not await AuditEntry.filter(action="key.retired", details__contains={"key_id": replaced}).exists()


async def test_what_another_key_seals_keeps_no_key(
    replaced: str, session: asyncpg.Connection, trail: AuditTrail
) -> None:
    settings_key = f"v1.{replaced}.AAAA.BBBB".encode()  # a key of the settings may be called so
    await make_token(access_token_sealed=b"v2.k-other.AAAA.BBBB", refresh_token_sealed=settings_key)
    await retire(replaced, session=session, trail=trail)
    assert (await EncryptionKey.get(id=replaced)).state is KeyState.RETIRED


async def test_the_key_that_seals_and_the_one_that_sealed_just_now_stay(
    replaced: str, session: asyncpg.Connection, trail: AuditTrail
) -> None:
    first, *_, before, active = await EncryptionKey.all().order_by("promoted_at")
    assert first.id != replaced
    for key, reason in ((active, "it is the key that seals"), (before, "may still be on its way")):
        with pytest.raises(KeyNeeded, match=reason):
            await retire(key.id, session=session, trail=trail)
        assert (await EncryptionKey.get(id=key.id)).wrapped == key.wrapped


async def test_a_key_that_is_not_there_is_told(session: asyncpg.Connection, trail: AuditTrail) -> None:
    with pytest.raises(NotFound, match=r"there is no data key 'k-gone'; keys\.status lists them"):
        await retire("k-gone", session=session, trail=trail)


async def test_a_destruction_that_cannot_be_recorded_does_not_happen(
    replaced: str, session: asyncpg.Connection, trail: AuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise OSError("not recorded")

    monkeypatch.setattr(trail, "record", fail)
    with pytest.raises(OSError, match="not recorded"):
        await retire(replaced, session=session, trail=trail)
    key = await EncryptionKey.get(id=replaced)
    assert key.wrapped is not None
    assert key.state is KeyState.DECRYPT


async def _fail(session: asyncpg.Connection, *, closing: bool = False) -> None:
    async with alone(session):
        if closing:
            await session.close()
        raise ValueError("half way")


@pytest.mark.usefixtures("database")
async def test_whoever_changes_keys_is_alone_until_it_ends_however_it_does(settings: TestSettings) -> None:
    async with (
        open_session(settings, process="pytest") as first,
        open_session(settings, process="pytest") as second,
    ):
        async with alone(first):
            with pytest.raises(KeysNotRotated, match=r"another keys\.rotate or keys\.retire is at work"):
                await _fail(second)
        with pytest.raises(ValueError, match="half way"):
            await _fail(second)
        with pytest.raises(ValueError, match="half way"):
            await _fail(first)


@pytest.mark.usefixtures("database")
async def test_a_session_that_is_gone_meanwhile_does_not_hide_why(settings: TestSettings) -> None:
    async with open_session(settings, process="pytest") as session:
        with pytest.raises(ValueError, match="half way"):
            await _fail(session, closing=True)
