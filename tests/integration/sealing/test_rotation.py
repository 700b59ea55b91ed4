"""Changing data keys: a rotation seals every value anew, and a key is destroyed when none names it, and not before."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.audit.trail import AuditTrail
from dashtam.database.lifespan import open_session
from dashtam.errors import NotFound
from dashtam.models import AuditEntry, EncryptionKey, KeyState
from dashtam.sealing import rotation
from dashtam.sealing.cipher import Context, Sealed, SealedColumn
from dashtam.sealing.columns import (
    ACCESS_TOKEN,
    REFRESH_TOKEN,
    REVOKED_TOKEN,
    SECOND_FACTOR,
    STORED_ANSWER,
    VERIFIER,
)
from dashtam.sealing.errors import KeyNeeded, KeysNotRotated
from dashtam.sealing.key_states import retire
from dashtam.sealing.keys import Keys
from dashtam.sealing.rotation import alone
from dashtam.sealing.tables import TABLES, Usage, find_usage
from dashtam.sealing.wrapping import Wrapper, new_key_id
from dashtam.settings.model import TestSettings
from tests.support.makers.earlier_values import seal_earlier
from tests.support.makers.rotations import Rotations, Value, set_apart, store_values
from tests.support.makers.rows import (
    make_attempt,
    make_revocation,
    make_second_factor,
    make_stored_answer,
    make_token,
)

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


async def _make_key(settings: TestSettings, *, state: KeyState, promoted_at: datetime | None = None) -> str:
    key_id = new_key_id()
    wrapped = Wrapper(settings.token_keys, environment="testing").make(key_id)
    await EncryptionKey.create(
        id=key_id,
        wrapped=wrapped.value,
        wrapping_key_id=wrapped.key_id,
        state=state,
        promoted_at=promoted_at,
    )
    return key_id


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
    ("make", "column"),
    [
        (make_token, ACCESS_TOKEN),
        (make_token, REFRESH_TOKEN),
        (make_second_factor, SECOND_FACTOR),
        (make_attempt, VERIFIER),
        (make_revocation, REVOKED_TOKEN),
        (make_stored_answer, STORED_ANSWER),
    ],
)
async def test_one_value_anywhere_keeps_its_key_whatever_its_row_says_of_keys(
    replaced: str,
    session: asyncpg.Connection,
    trail: AuditTrail,
    make: Callable[..., Awaitable[object]],
    column: SealedColumn,
) -> None:
    await make(**{column.name: f"v2.{replaced}.AAAA.BBBB".encode()})
    before = await EncryptionKey.get(id=replaced)
    with pytest.raises(KeyNeeded) as refused:
        await retire(replaced, session=session, trail=trail)
    assert refused.value.reasons == (f"it seals 1 rows of {column.table}; keys.rotate seals them anew",)
    key = await EncryptionKey.get(id=replaced)
    assert (key.wrapped, key.state, key.retired_at) == (before.wrapped, KeyState.DECRYPT, None)
    assert not await AuditEntry.filter(action="key.retired", details__contains={"key_id": replaced}).exists()


async def test_what_another_key_seals_keeps_no_key(
    replaced: str, session: asyncpg.Connection, trail: AuditTrail
) -> None:
    settings_key = f"v1.{replaced}.AAAA.BBBB".encode()  # a key of the settings may be called so
    await make_token(access_token_sealed=b"v2.k-other.AAAA.BBBB", refresh_token_sealed=settings_key)
    assert {one for one in await find_usage(session) if one.key_id in {"k-other", replaced}} == {
        Usage("provider_tokens", "v1", replaced, 1),
        Usage("provider_tokens", "v2", "k-other", 1),
    }
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


@pytest.fixture
async def values(session: asyncpg.Connection, keys: Keys) -> list[Value]:
    await set_apart(session)
    return await store_values(keys)


@pytest.fixture
async def rotations(
    session: asyncpg.Connection, keys: Keys, trail: AuditTrail, monkeypatch: pytest.MonkeyPatch
) -> Rotations:
    monkeypatch.setattr(rotation, "_HELD_SECONDS", 1.0)
    last = await AuditEntry.all().order_by("-sequence").first()
    return Rotations(session, keys, trail, since=last.sequence if last else 0)


async def test_a_rotation_seals_every_value_anew_and_each_opens_as_before(
    rotations: Rotations, values: list[Value], keys: Keys, session: asyncpg.Connection, trail: AuditTrail
) -> None:
    before = keys.active.id
    await rotations.run()
    active = keys.active.id
    assert active != before
    assert (await EncryptionKey.get(id=before)).state is KeyState.DECRYPT
    for value in values:
        sealed = await value.read(session)
        assert sealed.startswith(f"v2.{active}.".encode())
        assert await keys.open(sealed, context=value.context) == SecretStr(value.column.name)
    for table in TABLES:
        if table.has_key_id:
            assert await session.fetchval(f"SELECT key_id FROM {table.name}") == active
    wrapped = {"key_id": active, "wrapping_key_id": "test", "earlier": before}
    assert await rotations.recorded() == [
        ("key.promoted", "succeeded", wrapped),
        ("key.rotated", "succeeded", {"key_id": active, "rows": len(TABLES), "unreadable": 0}),
    ]
    assert ("a new data key seals", {"key": active, "earlier": before}) in rotations.said
    await retire(before, session=session, trail=trail, retire_after=timedelta(0))


async def test_what_an_earlier_run_began_is_finished_with_its_key_unless_one_asks_for_another(
    rotations: Rotations, values: list[Value], settings: TestSettings, session: asyncpg.Connection
) -> None:
    before, sealed = rotations.keys.active.id, await values[0].read(session)
    await EncryptionKey.filter(id=before).update(state=KeyState.DECRYPT)
    begun = await _make_key(settings, state=KeyState.ACTIVE, promoted_at=NOW)
    await rotations.run()
    assert rotations.keys.active.id == begun
    assert (await values[0].read(session)).startswith(f"v2.{begun}.".encode())
    assert [action for action, *_ in await rotations.recorded()] == ["key.rotated"]
    *_, finished, (step, facts) = rotations.said
    assert finished == ("finished what was begun earlier", {"key": begun})
    seconds = facts.pop("seconds")
    assert (step, facts) == ("moved", {"rows": len(TABLES), "key": begun})
    assert isinstance(seconds, float)
    assert 0 < seconds < 60
    await session.execute("UPDATE provider_tokens SET access_token_sealed = $1", sealed)
    await rotations.run(afresh=True)
    assert rotations.keys.active.id not in {before, begun}
    assert (await values[0].read(session)).startswith(f"v2.{rotations.keys.active.id}.".encode())


async def test_a_value_that_does_not_open_stays_as_it_is_and_is_told_while_the_others_move(
    rotations: Rotations, values: list[Value], session: asyncpg.Connection
) -> None:
    damaged = values[0]
    table, column = damaged.column.table, damaged.column.name
    for place in range(21):
        await make_token(access_token_sealed=f"v2.k-gone.{place}".encode())
    before = await session.fetch(f"SELECT id, {column} FROM {table} WHERE id <> $1 ORDER BY id", damaged.id)
    with pytest.raises(KeysNotRotated, match="21 rows do not open, and stay as they were:") as refused:
        await rotations.run()
    assert str(refused.value).count(f"\n  {table} ") == 20
    assert f"{table} {before[0]['id']}: not a sealed value" in str(refused.value)
    assert str(refused.value).endswith("\n  and 1 more")
    assert before == await session.fetch(
        f"SELECT id, {column} FROM {table} WHERE id <> $1 ORDER BY id", damaged.id
    )
    active = rotations.keys.active.id
    for value in values:
        assert (await value.read(session)).startswith(f"v2.{active}.".encode())
    (*_, last) = await rotations.recorded()
    assert last == ("key.rotated", "failed", {"key_id": active, "rows": len(TABLES), "unreadable": 21})


async def test_one_value_of_a_row_that_does_not_open_keeps_the_other_one_too(
    rotations: Rotations, values: list[Value], session: asyncpg.Connection
) -> None:
    access, refresh = values[:2]
    sealed = await access.read(session)
    await session.execute("UPDATE provider_tokens SET refresh_token_sealed = 'damaged'")
    with pytest.raises(KeysNotRotated, match="1 rows do not open") as refused:
        await rotations.run()
    assert "more" not in str(refused.value)
    assert (await access.read(session), await refresh.read(session)) == (sealed, b"damaged")


async def test_a_token_without_a_refresh_token_and_a_value_of_a_settings_key_move_too(
    rotations: Rotations, values: list[Value], settings: TestSettings, session: asyncpg.Connection
) -> None:
    access, *_ = values
    (key_id, key), *_ = settings.token_keys.items()
    earlier = seal_earlier("of long ago", key_id=key_id, key=key, place=f"provider_token:{access.id}:access")
    await session.execute(
        "UPDATE provider_tokens SET access_token_sealed = $1, refresh_token_sealed = NULL, refresh_expires_at = NULL",
        earlier,
    )
    await rotations.run()
    opened = await rotations.keys.open(await access.read(session), context=access.context)
    assert opened == SecretStr("of long ago")
    assert await session.fetchval("SELECT refresh_token_sealed FROM provider_tokens") is None


@pytest.mark.usefixtures("values")
async def test_data_keys_are_wrapped_with_the_first_settings_key_and_one_that_no_settings_key_opens_stays(
    rotations: Rotations, settings: TestSettings, trail: AuditTrail
) -> None:
    first = await EncryptionKey.get(state=KeyState.ACTIVE)
    lost = await _make_key(settings, state=KeyState.DECRYPT)
    await EncryptionKey.filter(id=lost).update(wrapped=b"damaged")
    both = {"new": bytes(range(32)), **settings.token_keys}
    await rotations.run(keys=Keys(both, environment="testing", trail=trail))
    anew = await EncryptionKey.get(id=first.id)
    assert anew.wrapping_key_id == "new"
    new = Wrapper({"new": both["new"]}, environment="testing")
    old = Wrapper(settings.token_keys, environment="testing")
    assert new.unwrap(first.id, anew.wrapped or b"").check == old.unwrap(first.id, first.wrapped or b"").check
    stayed = await EncryptionKey.get(id=lost)
    assert (stayed.wrapped, stayed.wrapping_key_id) == (b"damaged", "test")
    details = {"key_id": first.id, "from": "test", "to": "new"}
    assert ("key.rewrapped", "succeeded", details) in await rotations.recorded()
    said = dict(rotations.said)
    assert said["wrapped anew"] == {"key": first.id, "earlier": "test", "now": "new"}
    assert said["a data key stays as it is wrapped"]["key"] == lost


async def test_what_cannot_be_recorded_is_not_done(
    rotations: Rotations, settings: TestSettings, trail: AuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise OSError("not recorded")

    monkeypatch.setattr(trail, "record", fail)
    before = await EncryptionKey.all().order_by("id").values()
    both = Keys({"new": bytes(range(32)), **settings.token_keys}, environment="testing", trail=trail)
    for keys in (rotations.keys, both):
        with pytest.raises(OSError, match="not recorded"):
            await rotations.run(keys=keys)
        assert await EncryptionKey.all().order_by("id").values() == before


@pytest.mark.usefixtures("transaction")
async def test_a_row_is_locked_from_when_it_is_read_until_it_is_written(
    settings: TestSettings,
    keys: Keys,
    trail: AuditTrail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row, user_id = uuid4(), uuid4()
    place = SECOND_FACTOR.context(row, user_id)
    sealed = await keys.seal(SecretStr("secret"), context=place)
    await EncryptionKey.filter(id=sealed.key_id).update(state=KeyState.DECRYPT)
    await _make_key(settings, state=KeyState.ACTIVE, promoted_at=NOW)
    seal, locked = keys.seal, []
    async with open_session(settings, process="pytest") as own:

        async def watched(secret: SecretStr, *, context: Context) -> Sealed:
            locked.append(own.is_in_transaction())
            return await seal(secret, context=context)

        monkeypatch.setattr(keys, "seal", watched)
        await set_apart(own)
        values = "INSERT INTO second_factors (id, user_id, secret_sealed, key_id) VALUES ($1, $2, $3, 'test')"
        await own.execute(values, row, user_id, sealed.value)
        await Rotations(own, keys, trail, since=0).run()
    assert locked == [True]


async def test_many_rows_move_in_batches_and_one_reads_how_far_it_is(
    rotations: Rotations, values: list[Value], session: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    monkeypatch.setattr(rotation, "_TOLD_EVERY", 2)
    added = [
        Value(SECOND_FACTOR, id_, SECOND_FACTOR.context(id_, uuid4())) for id_ in (uuid4(), uuid4(), uuid4())
    ]
    for value in added:
        sealed = await rotations.keys.seal(SecretStr(SECOND_FACTOR.name), context=value.context)
        await make_second_factor(id=value.id, user_id=value.context.user_id, secret_sealed=sealed.value)
    await rotations.run()
    for value in (*values, *added):
        opened = await rotations.keys.open(await value.read(session), context=value.context)
        assert opened == SecretStr(value.column.name)
        assert (await value.read(session)).startswith(f"v2.{rotations.keys.active.id}.".encode())
    told = [facts for step, facts in rotations.said if step == "at work"]
    assert told == [{"table": "second_factors", "rows": rows} for rows in (2, 4)]


async def test_a_rotation_waits_for_no_other_one(rotations: Rotations, settings: TestSettings) -> None:
    async with open_session(settings, process="pytest") as other, alone(other):
        with pytest.raises(KeysNotRotated, match="is at work"):
            await rotations.run()
    assert await rotations.recorded() == []
