"""An entry has one encoding, no two entries share one, and only a key makes a seal."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.audit.chain import START, HeadSealer, encode, link
from dashtam.models import AuditEntry
from dashtam.security.derivation import derive_key

ID = UUID("0193e7a0-0000-7000-8000-000000000001")
ENTRY: dict[str, object] = {
    "id": ID,
    "created_at": datetime(2026, 11, 26, 12, 0, 0, 1, tzinfo=UTC),
    "action": "connection.activated",
    "details": {"b": [1, None, True], "a": "ü"},
    "sequence": 1,
    "ip": None,
}
KEYS = {"new": bytes(range(32)), "old": bytes(range(1, 33))}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
VALUES = (
    st.none()
    | st.text()
    | st.uuids()
    | st.integers()
    | st.datetimes(timezones=st.just(UTC))
    | st.dictionaries(st.text(), JSON, max_size=3)
)
ENTRIES = st.dictionaries(st.text(), VALUES, max_size=6)


def present(columns: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What an entry says, so that True and 1 are two things."""
    return sorted(
        (name, type(value).__name__, shown(value)) for name, value in columns.items() if value is not None
    )


def shown(value: object) -> str:
    """A value in words that do not depend on the order of names."""
    if isinstance(value, dict):
        return repr(sorted((name, shown(part)) for name, part in value.items()))
    return repr([shown(part) for part in value]) if isinstance(value, list) else repr(value)


@given(ENTRIES, ENTRIES)
def test_two_entries_have_one_encoding_only_where_they_say_the_same(
    one: dict[str, object], other: dict[str, object]
) -> None:
    assert (encode(one) == encode(other)) is (present(one) == present(other))


@given(ENTRIES, st.data())
def test_an_entry_with_one_thing_changed_has_another_encoding(
    one: dict[str, object], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(one) or ["new"]) | st.text())
    other = one | {name: data.draw(VALUES)}
    assert (encode(one) == encode(other)) is (present(one) == present(other))


@given(st.lists(st.text(), min_size=2, max_size=4), st.data())
def test_nothing_moves_from_one_column_to_the_next(parts: list[str], data: st.DataObject) -> None:
    whole = "".join(parts)
    cut = data.draw(st.integers(0, len(whole)))
    one, other = {"a": parts[0], "b": whole[len(parts[0]) :]}, {"a": whole[:cut], "b": whole[cut:]}
    assert (encode(one) == encode(other)) is (one == other)


@given(ENTRIES)
def test_the_order_of_columns_and_names_does_not_count(columns: dict[str, object]) -> None:
    assert encode(dict(reversed(columns.items()))) == encode(columns)


def test_the_encoding_is_the_one_that_stored_chains_were_made_with() -> None:
    """Changing this breaks the chain of everybody who has one."""
    assert (
        hashlib.sha256(encode(ENTRY)).hexdigest()
        == "7e4767a38baba66c5cffd6002037ac974a0d8571e39d9737dad006372cbb3b45"
    )
    assert link(START, ENTRY).hex() == "9d88075607b108edbe1d55797dae21214b3a4af23281acf86c26b395c09204a4"


def test_a_column_that_is_null_changes_nothing_so_that_a_release_may_add_one() -> None:
    assert encode(ENTRY | {"later": None}) == encode(ENTRY)


def test_an_instant_is_the_same_in_every_zone_and_differs_by_a_microsecond() -> None:
    zone = timezone(timedelta(hours=5))
    at = datetime(2026, 11, 26, tzinfo=UTC)
    assert encode({"at": at.astimezone(zone)}) == encode({"at": at})
    assert encode({"at": at + timedelta(microseconds=1)}) != encode({"at": at})


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        True,
        b"bytes",
        datetime(2026, 11, 26),  # noqa: DTZ001 - the point of it
        {"part": 0.1},
        {"part": [{"deep": float("nan")}]},
        {1.5: "name"},
        {"part": b"bytes"},
        "\ud800",
        {"part": "\ud800"},
    ],
)
def test_what_has_no_one_spelling_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - UnicodeEncodeError is one
        encode({"column": value})


def test_every_column_of_the_model_is_part_of_the_hash_but_the_hash() -> None:
    samples: dict[str, object] = {
        "UUIDField": ID,
        "DatetimeField": datetime(2026, 1, 1, tzinfo=UTC),
        "CharField": "text",
        "CharEnumFieldInstance": "succeeded",
        "JSONField": {"a": 1},
        "BigIntField": 7,
    }
    fields = {
        name: type(field).__name__ for name, field in AuditEntry._meta.fields_map.items() if name != "hash"
    }
    entry = {name: samples[kind] for name, kind in fields.items()}
    assert len(entry) == 12
    for name in entry:
        assert link(START, entry | {name: None}) != link(START, entry), name


def test_a_hash_depends_on_the_one_before_it() -> None:
    assert link(START, ENTRY) != link(bytes([1, *START[1:]]), ENTRY)


def test_a_seal_fits_its_end_of_the_chain_alone() -> None:
    sealer = HeadSealer(KEYS)
    seal = sealer.seal(7, bytes(32))
    assert sealer.key_id == "new"
    assert sealer.find_fault(7, bytes(32), key_id="new", seal=seal) is None
    for sequence, hash_, key_id, changed in [
        (6, bytes(32), "new", seal),
        (-7, bytes(32), "new", seal),
        (7, bytes(31) + b"\1", "new", seal),
        (7, bytes(32), "old", seal),
        (7, bytes(32), "new", seal[:-1]),
        (7, bytes(32), "new", seal[:-1] + bytes([seal[-1] ^ 1])),
        (7, bytes(32), "new", b""),
    ]:
        assert sealer.find_fault(sequence, hash_, key_id=key_id, seal=changed) is not None


def test_a_retired_key_still_verifies_and_a_missing_one_is_named() -> None:
    before, after = HeadSealer({"old": KEYS["old"]}), HeadSealer(KEYS)
    seal = before.seal(1, bytes(32))
    assert after.find_fault(1, bytes(32), key_id="old", seal=seal) is None
    fault = HeadSealer({"new": KEYS["new"]}).find_fault(1, bytes(32), key_id="old", seal=seal)
    assert fault is not None
    assert "'old', which TOKEN_ENCRYPTION_KEYS does not hold" in fault


def test_the_seal_is_made_with_a_key_of_its_own_purpose() -> None:
    assert derive_key(KEYS["new"], purpose=b"one") != derive_key(KEYS["new"], purpose=b"two")
    assert (
        HeadSealer(KEYS).seal(1, bytes(32)).hex()
        == "1ff4cdbebd08d6dbdd952a7f916bfda2e496723d06c357c74645b7bc82d7eed5"
    )
