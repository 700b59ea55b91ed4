"""Whoever owns the tables can change, drop, add and move entries, and the check says which and what."""

from typing import Final

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.audit import chain
from dashtam.audit.trail import AuditTrail
from dashtam.audit.verification import Anchor
from dashtam.errors import InvalidRequest
from dashtam.models import AuditEntry, Outcome
from dashtam.settings.model import TestSettings
from tests.support.makers.chains import EMPTY, find_damage, tamper, write_entries

COUNT: Final = 8  # with the first one, which begins the chain
TABLE: Final = "provider_audit_logs"
LATER: Final = f"UPDATE {TABLE} SET sequence = sequence + 100 WHERE sequence {{}}"
# A value for each column that is not the one that stands in entry 4.
CHANGES: Final = {
    "id": "uuidv7()",
    "created_at": "created_at + interval '1 microsecond'",
    "actor": "'anonymous'",
    "action": "'connection.revoked'",
    "outcome": "'denied'",
    "user_id": "uuidv7()",
    "connection_id": "uuidv7()",
    "provider_id": "uuidv7()",
    "ip": "NULL",
    "user_agent": "user_agent || ' '",
    "details": "details || '{\"more\": null}'",
    "sequence": "400",
    "hash": "sha256('other')",
}


@pytest.fixture(autouse=True)
async def written(trail: AuditTrail, transaction: BaseDBAsyncClient) -> None:
    """A chain of eight."""
    await tamper(transaction, EMPTY)
    await write_entries(trail, COUNT - 1)


async def test_an_untouched_chain_is_whole(transaction: BaseDBAsyncClient, settings: TestSettings) -> None:
    damages, check = await find_damage(transaction, settings)
    assert (damages, check.seen) == ([], COUNT)


async def test_every_column_that_the_table_has_is_tried(transaction: BaseDBAsyncClient) -> None:
    rows = await transaction.execute_query_dict(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
        [TABLE],
    )
    assert {row["attname"] for row in rows} == set(CHANGES)


@pytest.mark.parametrize("column", CHANGES)
async def test_a_changed_column_is_found_in_its_entry(
    transaction: BaseDBAsyncClient, settings: TestSettings, column: str
) -> None:
    await tamper(transaction, f"UPDATE {TABLE} SET {column} = {CHANGES[column]} WHERE sequence = 4")
    damages, _ = await find_damage(transaction, settings)
    if column == "sequence":
        assert damages[0] == "entry 4 is missing"
    else:
        assert damages[0].startswith("entry 4 (id ")
        assert "is not what was written there" in damages[0]
        assert len(damages) == (2 if column == "hash" else 1)  # the next one stood behind that hash


@pytest.mark.parametrize(
    ("sql", "first", "others"),
    [
        (f"DELETE FROM {TABLE} WHERE sequence = 4", "entry 4 is missing", 0),
        (f"DELETE FROM {TABLE} WHERE sequence BETWEEN 4 AND 6", "entries 4 to 6 are missing", 0),
        (f"DELETE FROM {TABLE} WHERE sequence = 1", "entry 1 is missing", 0),
        (f"DELETE FROM {TABLE} WHERE sequence = 8", "entry 8 is missing", 0),
        (f"DELETE FROM {TABLE} WHERE sequence > 5", "entries 6 to 8 are missing", 0),
        (f"DELETE FROM {TABLE}", "entries 1 to 8 are missing", 0),
        ("DELETE FROM audit_heads", "the head is missing", 0),
        ("UPDATE audit_heads SET sequence = 7", "the head is not to be believed: its seal", 1),
        ("UPDATE audit_heads SET seal = sha256('x')", "the head is not to be believed: its seal", 0),
        ("UPDATE audit_heads SET key_id = 'gone'", "the head is not to be believed: it is sealed with", 0),
    ],
)
async def test_what_was_dropped_is_named(
    transaction: BaseDBAsyncClient, settings: TestSettings, sql: str, first: str, others: int
) -> None:
    await tamper(transaction, sql)
    damages, _ = await find_damage(transaction, settings)
    assert damages[0].startswith(first)
    assert len(damages) == 1 + others


async def test_two_that_changed_places_are_found(
    transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    moves = [(4, 100), (5, 4), (100, 5)]
    changes = [f"UPDATE {TABLE} SET sequence = {to} WHERE sequence = {place}" for place, to in moves]
    await tamper(transaction, ";".join(changes))
    damages, _ = await find_damage(transaction, settings)
    assert [damage.split(" (id")[0] for damage in damages] == ["entry 4", "entry 5", "entry 6"]


async def test_contents_that_changed_places_with_their_hashes_left_are_found(
    transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    await tamper(
        transaction,
        f"UPDATE {TABLE} AS one SET details = other.details FROM {TABLE} AS other "
        "WHERE (one.sequence, other.sequence) IN ((4, 5), (5, 4))",
    )
    damages, _ = await find_damage(transaction, settings)
    assert [damage.split(" (id")[0] for damage in damages] == ["entry 4", "entry 5"]


async def test_the_order_turned_round_is_found(
    transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    await tamper(
        transaction,
        f"UPDATE {TABLE} SET sequence = sequence + 100; UPDATE {TABLE} SET sequence = {COUNT} + 101 - sequence",
    )
    damages, _ = await find_damage(transaction, settings)
    assert len(damages) > COUNT


async def test_an_entry_put_in_between_is_found(
    transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    await tamper(
        transaction,
        LATER.format(">= 5") + f"; UPDATE {TABLE} SET sequence = sequence - 99 WHERE sequence > 100; "
        f"INSERT INTO {TABLE} (actor, action, outcome, sequence, hash) "
        "VALUES ('system', 'connection.revoked', 'succeeded', 5, sha256('x'))",
    )
    damages, _ = await find_damage(transaction, settings)
    assert damages[0].startswith("entry 5 ")
    assert damages[-1] == f"the head counts {COUNT} entries, and the chain has {COUNT + 1}"


@pytest.mark.parametrize("place", ["NULL", "0", "-5"])
async def test_an_entry_beside_the_chain_is_found(
    transaction: BaseDBAsyncClient, settings: TestSettings, place: str
) -> None:
    await tamper(
        transaction,
        f"ALTER TABLE {TABLE} DROP CONSTRAINT provider_audit_logs_is_chained; "
        f"INSERT INTO {TABLE} (actor, action, outcome, sequence) VALUES ('x', 'connection.revoked', 'denied', {place})",
    )
    (damage,), _ = await find_damage(transaction, settings)
    expected = "1 entries from before the chain" if place == "NULL" else f"entry {place} "
    assert expected in damage


async def test_a_place_that_is_taken_twice_is_found(
    transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    await tamper(
        transaction,
        f"ALTER TABLE {TABLE} DROP CONSTRAINT provider_audit_logs_sequence_key; "
        f"UPDATE {TABLE} SET sequence = 4 WHERE sequence = 5",
    )
    damages, _ = await find_damage(transaction, settings)
    assert len(damages) == 2
    assert "stands at a place that is not its own" in damages[0]
    assert damages[1] == "entry 5 is missing"


async def test_a_last_entry_that_was_made_to_fit_is_not_the_sealed_one(
    transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    await tamper(transaction, f"UPDATE {TABLE} SET actor = 'anonymous' WHERE sequence = {COUNT}")
    await recompute(transaction, with_head=False)
    (damage,), _ = await find_damage(transaction, settings)
    assert damage == f"entry {COUNT} is not the one that the head was sealed with: hashes were computed anew"


async def recompute(transaction: BaseDBAsyncClient, *, with_head: bool = True) -> None:
    """Do what somebody can who has the database and the source code, and not the key: make every hash fit."""
    previous = chain.START
    for entry in await AuditEntry.all().order_by("sequence"):
        columns = {name: getattr(entry, name) for name in CHANGES if name != "hash"}
        previous = chain.link(previous, columns)
        fitting = f"hash = decode('{previous.hex()}', 'hex')"
        await tamper(transaction, f"UPDATE {TABLE} SET {fitting} WHERE id = '{entry.id}'")
        if with_head:
            await tamper(transaction, f"UPDATE audit_heads SET sequence = {entry.sequence}, {fitting}")


@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE {TABLE} SET actor = 'anonymous' WHERE sequence = 4",
        f"DELETE FROM {TABLE} WHERE sequence = 4; UPDATE {TABLE} SET sequence = sequence - 1 WHERE sequence > 4",
        f"DELETE FROM {TABLE} WHERE sequence > 4",
    ],
)
async def test_hashes_that_were_made_to_fit_again_lack_the_seal(
    transaction: BaseDBAsyncClient, settings: TestSettings, trail: AuditTrail, sql: str
) -> None:
    await tamper(transaction, sql)
    await recompute(transaction)
    damages, _ = await find_damage(transaction, settings)
    assert [damage.split(":")[0] for damage in damages] == ["the head is not to be believed"]
    await write_entries(trail, 1)  # and the next entry does not make it good
    damages, _ = await find_damage(transaction, settings)
    assert ["tampered with before it" in damage for damage in damages] == [True]


async def test_an_old_head_with_its_seal_hides_the_end_from_all_but_an_anchor(
    transaction: BaseDBAsyncClient, settings: TestSettings, trail: AuditTrail
) -> None:
    """Whoever kept a copy of the table from before can put all of it back; that is why anchors are written down."""
    await tamper(transaction, "CREATE TEMP TABLE kept AS SELECT * FROM audit_heads")
    await write_entries(trail, 3)
    _, check = await find_damage(transaction, settings)
    anchor = check.end
    await tamper(
        transaction,
        f"DELETE FROM {TABLE} WHERE sequence > {COUNT}; DELETE FROM audit_heads; INSERT INTO audit_heads TABLE kept",
    )
    assert (await find_damage(transaction, settings))[0] == []
    for from_anchor in (False, True):
        damages, _ = await find_damage(transaction, settings, anchor=anchor, from_anchor=from_anchor)
        assert "the chain ends at" in damages[0]
        assert f"before the anchor {COUNT + 3}" in damages[0]


async def test_an_anchor_tells_a_chain_that_was_made_anew_with_the_key(
    transaction: BaseDBAsyncClient, settings: TestSettings, trail: AuditTrail
) -> None:
    _, check = await find_damage(transaction, settings)
    await tamper(transaction, EMPTY)
    await write_entries(trail, COUNT + 2)
    assert (await find_damage(transaction, settings))[0] == []
    for from_anchor in (False, True):
        (damage,), _ = await find_damage(transaction, settings, anchor=check.end, from_anchor=from_anchor)
        assert damage.startswith(f"entry {COUNT} ")
        assert damage.endswith("is another one than when the anchor was written down")


async def test_since_an_anchor_only_what_is_behind_it_is_read(
    transaction: BaseDBAsyncClient, settings: TestSettings, trail: AuditTrail
) -> None:
    _, check = await find_damage(transaction, settings)
    await write_entries(trail, 3)
    await tamper(transaction, f"UPDATE {TABLE} SET actor = 'x' WHERE sequence = 2")
    damages, later = await find_damage(transaction, settings, anchor=check.end, from_anchor=True)
    assert (damages, later.seen) == ([], 4)
    await tamper(transaction, f"UPDATE {TABLE} SET actor = 'x' WHERE sequence = {COUNT + 1}")
    (damage,), _ = await find_damage(transaction, settings, anchor=check.end, from_anchor=True)
    assert damage.startswith(f"entry {COUNT + 1} ")


async def test_details_that_python_cannot_read_are_a_damage_and_no_crash(
    transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    for number, hostile in enumerate(
        ("'{\"n\": 0.5}'", "jsonb_build_object('n', repeat('9', 5000)::numeric)")
    ):
        await tamper(transaction, f"UPDATE {TABLE} SET details = {hostile} WHERE sequence = {number + 3}")
    await tamper(transaction, f"UPDATE {TABLE} SET created_at = 'infinity' WHERE sequence = 5")
    damages, _ = await find_damage(transaction, settings)
    assert [damage.split(" (id")[0] for damage in damages] == ["entry 3", "entry 4", "entry 5"]


@pytest.mark.parametrize(
    "text", ["", "57", "57:", "0:" + "0" * 64, "57:" + "0" * 63, "57:" + "G" * 64, "-1:" + "0" * 64]
)
def test_an_anchor_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is no anchor; expected 57:"):
        Anchor.parse(text)


def test_an_anchor_reads_what_it_prints() -> None:
    anchor = Anchor(57, bytes(range(32)))
    assert Anchor.parse(f" {anchor}\n") == anchor


async def test_a_refused_attempt_is_in_the_chain_too(
    transaction: BaseDBAsyncClient, settings: TestSettings, trail: AuditTrail
) -> None:
    await trail.record("session.refused", Outcome.DENIED, actor="anonymous")
    damages, check = await find_damage(transaction, settings)
    assert (damages, check.seen) == ([], COUNT + 1)
