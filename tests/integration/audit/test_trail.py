"""One writer links every entry to the one before it, at the end of its database transaction and nowhere else."""

import asyncio
import math
from contextlib import suppress
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError, ValidationError
from tortoise.transactions import in_transaction

from dashtam.audit.caller import Caller
from dashtam.audit.trail import ANONYMOUS, SYSTEM, AuditTrail
from dashtam.audit.verification import BEGUN, BROKEN
from dashtam.models import AuditEntry, AuditHead, Outcome, User
from dashtam.settings.model import TestSettings
from tests.support.makers.chains import EMPTY, find_damage, tamper, write_entries
from tests.support.makers.rows import make_user


class Undone(Exception):
    """What a test raises in the middle of a database transaction."""


@pytest.fixture(autouse=True)
async def fresh(transaction: BaseDBAsyncClient) -> None:
    """No entry from before: real servers may have left some."""
    await tamper(transaction, EMPTY)


async def actions() -> list[str]:
    entries = await AuditEntry.all().order_by("sequence")
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    return [entry.action for entry in entries]


async def test_the_first_entry_begins_the_chain_and_each_stands_behind_the_last(
    trail: AuditTrail, transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    await trail.record("session.created", Outcome.SUCCEEDED, actor=SYSTEM)
    await trail.record("session.ended", Outcome.SUCCEEDED, actor=SYSTEM)
    assert await actions() == [BEGUN, "session.created", "session.ended"]
    damages, check = await find_damage(transaction, settings)
    assert (damages, check.seen) == ([], 3)
    head = await AuditHead.get()
    assert check.end is not None
    assert (head.sequence, head.hash, head.key_id) == (3, check.end.hash, next(iter(settings.token_keys)))


async def test_what_was_written_before_there_was_a_chain_is_vouched_for(
    trail: AuditTrail, transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    drop = "ALTER TABLE provider_audit_logs DROP CONSTRAINT provider_audit_logs_is_chained;"
    await tamper(
        transaction,
        drop
        + "INSERT INTO provider_audit_logs (actor, action, outcome, details) SELECT 'system', 'old.fact', "
        "'succeeded', jsonb_build_object('n', n, 'fraction', 1.50) FROM generate_series(1, 2500) AS n",
    )
    await trail.record("session.created", Outcome.SUCCEEDED, actor=SYSTEM)
    damages, check = await find_damage(transaction, settings)
    assert (damages, check.earlier.count, check.seen) == ([], 2500, 2)
    for change in (
        "UPDATE provider_audit_logs SET details = details || '{\"fraction\": 1.51}' WHERE details->>'n' = '7'",
        "DELETE FROM provider_audit_logs WHERE sequence IS NULL AND details->>'n' = '2500'",
        "INSERT INTO provider_audit_logs (actor, action, outcome) VALUES ('system', 'old.fact', 'succeeded')",
    ):
        with suppress(Undone):
            async with in_transaction():
                await tamper(transaction, change)
                (damage,), _ = await find_damage(transaction, settings)
                assert "entries from before the chain are not those that entry 1 " in damage
                raise Undone


async def test_an_entry_is_written_with_the_database_transaction_or_not_at_all(trail: AuditTrail) -> None:
    async with trail.transaction():
        user = await make_user()
        await trail.record("user.registered", Outcome.SUCCEEDED, actor=SYSTEM, user_id=user.id)
        assert await AuditHead.all().count() == 0  # nothing is locked while work is done
    with pytest.raises(Undone):  # noqa: PT012 - it is raised in the middle
        async with trail.transaction():
            await make_user(email="gone@example.com")
            await trail.record("user.registered", Outcome.SUCCEEDED, actor=SYSTEM)
            raise Undone
    await trail.record("session.created", Outcome.SUCCEEDED, actor=SYSTEM)
    assert await actions() == [BEGUN, "user.registered", "session.created"]
    assert not await User.exists(email="gone@example.com")


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.FAILED])
async def test_what_was_denied_or_failed_stays_recorded_when_all_else_is_rolled_back(
    trail: AuditTrail, outcome: Outcome
) -> None:
    with pytest.raises(Undone):  # noqa: PT012 - it is raised in the middle
        async with trail.transaction():
            await make_user(email="gone@example.com")
            await trail.record("user.registered", Outcome.SUCCEEDED, actor=SYSTEM)
            await trail.record("session.refused", outcome, actor=ANONYMOUS)
            raise Undone
    assert await actions() == [BEGUN, "session.refused"]
    assert not await User.exists(email="gone@example.com")


async def test_it_stays_recorded_when_the_task_is_cancelled(trail: AuditTrail) -> None:
    with pytest.raises(asyncio.CancelledError):  # noqa: PT012
        async with trail.transaction():
            await trail.record("session.refused", Outcome.DENIED, actor=ANONYMOUS)
            raise asyncio.CancelledError
    assert await actions() == [BEGUN, "session.refused"]


async def test_a_transaction_within_another_writes_with_the_outer_one(trail: AuditTrail) -> None:
    async with trail.transaction():
        await trail.record("one.happened", Outcome.SUCCEEDED, actor=SYSTEM)
        async with trail.transaction():
            await trail.record("two.happened", Outcome.SUCCEEDED, actor=SYSTEM)
        with suppress(Undone):
            async with trail.transaction():
                await trail.record("three.happened", Outcome.SUCCEEDED, actor=SYSTEM)
                await trail.record("three.refused", Outcome.DENIED, actor=SYSTEM)
                raise Undone
        assert await AuditHead.all().count() == 0
    assert await actions() == [BEGUN, "one.happened", "two.happened", "three.refused"]


async def test_what_an_inner_transaction_denied_outlives_the_outer_one(trail: AuditTrail) -> None:
    with pytest.raises(Undone):  # noqa: PT012 - it is raised in the middle
        async with trail.transaction():
            await trail.record("one.happened", Outcome.SUCCEEDED, actor=SYSTEM)
            async with trail.transaction():
                await trail.record("two.refused", Outcome.DENIED, actor=SYSTEM)
                raise Undone
    assert await actions() == [BEGUN, "two.refused"]


async def test_tasks_of_one_transaction_all_stand_in_it(
    trail: AuditTrail, transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    async with trail.transaction():
        await asyncio.gather(*(write_entries(trail, 3) for _ in range(5)))
    assert len(await actions()) == 16
    assert (await find_damage(transaction, settings))[0] == []


async def test_a_task_that_outlives_the_transaction_it_was_started_in_is_recorded_too(
    trail: AuditTrail,
) -> None:
    ended = asyncio.Event()

    async def outlive() -> None:
        await ended.wait()
        await trail.record("late.happened", Outcome.SUCCEEDED, actor=SYSTEM)
        async with trail.transaction():
            await trail.record("later.happened", Outcome.SUCCEEDED, actor=SYSTEM)

    async with trail.transaction():
        task = asyncio.create_task(outlive())
        await trail.record("early.happened", Outcome.SUCCEEDED, actor=SYSTEM)
    ended.set()
    await task
    assert await actions() == [BEGUN, "early.happened", "late.happened", "later.happened"]


async def test_an_entry_that_the_database_refuses_undoes_what_it_speaks_of(trail: AuditTrail) -> None:
    with pytest.raises(IntegrityError):  # noqa: PT012
        async with trail.transaction():
            await make_user(email="gone@example.com")
            await trail.record("Not dotted", Outcome.SUCCEEDED, actor=SYSTEM)
    assert not await User.exists(email="gone@example.com")
    assert await actions() == []


async def test_a_text_that_is_too_long_is_refused(trail: AuditTrail) -> None:
    with pytest.raises(ValidationError):
        await trail.record("session.created", Outcome.SUCCEEDED, actor="x" * 129)


async def test_a_fraction_is_refused_where_it_is_recorded(trail: AuditTrail) -> None:
    with pytest.raises(ValueError, match="write it as a text"):
        await trail.record("rate.changed", Outcome.SUCCEEDED, actor=SYSTEM, details={"rate": 1.5})
    with pytest.raises(ValueError, match="write it as a text"):
        await trail.record("rate.changed", Outcome.SUCCEEDED, actor=SYSTEM, details={"rates": [math.inf]})
    async with trail.transaction():
        with pytest.raises(ValueError, match="write it as a text"):
            await trail.record("rate.changed", Outcome.SUCCEEDED, actor=SYSTEM, details={"rate": 1.5})


async def test_what_strangers_sent_is_stored_printable_and_cut(trail: AuditTrail) -> None:
    hostile = "\x00\x1b[2J\ud800\r\n" + "x" * 1000
    await trail.record(
        "session.refused", Outcome.DENIED, actor=ANONYMOUS, details={"email": hostile, "tried": [hostile]}
    )
    entry = await AuditEntry.get(action="session.refused")
    assert entry.details["tried"] == [entry.details["email"]]
    assert len(entry.details["email"]) == 512
    assert entry.details["email"].isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["C"])), inner)
    ),
    max_leaves=8,
)


@given(
    details=st.dictionaries(st.text(st.characters(exclude_categories=["C"])), JSON, max_size=3),
    text=st.text(),
)
@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_recorded_reads_back_as_what_was_hashed(
    trail: AuditTrail,
    transaction: BaseDBAsyncClient,
    settings: TestSettings,
    details: dict[str, object],
    text: str,
) -> None:
    await trail.record(
        "anything.happened",
        Outcome.FAILED,
        actor=SYSTEM,
        user_id=uuid4(),
        caller=Caller(None, text),
        details=details,
    )
    assert (await find_damage(transaction, settings))[0] == []


CUT_SHORT = """
DELETE FROM provider_audit_logs WHERE sequence > 3;
UPDATE audit_heads SET (sequence, hash) = (
    SELECT sequence, hash FROM provider_audit_logs ORDER BY sequence DESC LIMIT 1)
"""


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (CUT_SHORT, "its seal was not made for it"),
        ("UPDATE audit_heads SET sequence = sequence - 1", "its seal was not made for it"),
        ("UPDATE audit_heads SET sequence = sequence + 1000", "its seal was not made for it"),
        (
            "UPDATE audit_heads SET key_id = 'gone'",
            "the key 'gone', which TOKEN_ENCRYPTION_KEYS does not hold",
        ),
        ("DELETE FROM audit_heads", "the key '', which TOKEN_ENCRYPTION_KEYS does not hold"),
    ],
)
async def test_a_head_that_was_tampered_with_is_not_sealed_again_as_if_nothing_had_happened(
    trail: AuditTrail, transaction: BaseDBAsyncClient, settings: TestSettings, change: str, fault: str
) -> None:
    await write_entries(trail, 4)
    await tamper(transaction, change)
    await write_entries(trail, 2)
    entry = await AuditEntry.get(action=BROKEN)
    assert fault in entry.details["fault"]
    assert entry.outcome is Outcome.FAILED
    damages, check = await find_damage(transaction, settings)
    assert [damage for damage in damages if f"entry {entry.sequence} " in damage and "tampered" in damage]
    assert check.end is not None
    assert check.end.sequence == (entry.sequence or 0) + 2  # it goes on, and says so for good


async def test_after_a_rotation_the_new_key_seals_what_the_old_one_sealed(
    transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    old, new = bytes(range(32)), bytes(range(1, 33))
    await write_entries(AuditTrail({"old": old}), 2)
    await write_entries(AuditTrail({"new": new, "old": old}), 2)
    await write_entries(AuditTrail({"new": new}), 2)
    assert (await AuditHead.get()).key_id == "new"
    assert BROKEN not in await actions()


async def test_the_head_never_goes_back_and_never_goes_away(
    trail: AuditTrail, transaction: BaseDBAsyncClient
) -> None:
    await write_entries(trail, 1)
    for statement, refusal in (
        ("UPDATE audit_heads SET sequence = sequence - 1", "never goes back"),
        ("UPDATE audit_heads SET hash = hash", "never goes back"),
        ("DELETE FROM audit_heads", "DELETE refused"),
        ("TRUNCATE audit_heads", "TRUNCATE refused"),
        ("INSERT INTO audit_heads SELECT 2, sequence, hash, key_id, seal FROM audit_heads", "is_one_row"),
    ):
        with pytest.raises(Exception, match=refusal):
            async with in_transaction():
                await transaction.execute_script(statement)
    rows = await connections.get("default").execute_query_dict(
        "SELECT tgenabled::text FROM pg_trigger WHERE tgrelid = 'audit_heads'::regclass AND NOT tgisinternal"
    )
    assert [row["tgenabled"] for row in rows] == ["A", "A"]
