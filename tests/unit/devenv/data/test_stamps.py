"""A snapshot's name, its stamp, and every reason not to restore it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.devenv.data.stamps import (
    KEPT,
    KEPT_FOR,
    Reason,
    Snapshot,
    Stamp,
    as_document,
    as_row,
    choose_name,
    find_surplus,
    read_name,
    reasons_to_refuse,
    show_age,
    show_size,
)
from dashtam.devenv.errors import EnvironmentMisused

NOW = datetime(2026, 11, 24, 10, 15, 0, tzinfo=UTC)
COMMENT = (
    "dashtam purpose=snapshot cluster=42 source=dashtam created=2026-11-24T10:12:00Z head=0_1_init.py "
    "reason=by hand"
)


def make_snapshot(name: str = "one", comment: str = COMMENT, *, size: int = 8_000_000) -> Snapshot:
    return Snapshot(name, size, comment, Stamp.parse(comment))


def aged(age: timedelta, reason: Reason, name: str = "one") -> Snapshot:
    stamp = Stamp("42", "dashtam", NOW - age, "0_1_init.py", reason)
    return replace(make_snapshot(name), stamp=stamp)


def test_a_stamp_is_read_as_it_was_written() -> None:
    stamp = Stamp.parse(COMMENT)
    assert stamp == Stamp("42", "dashtam", NOW - timedelta(minutes=3), "0_1_init.py", Reason.BY_HAND)


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "the only copy",
        COMMENT.replace("snapshot", "development"),
        COMMENT.replace("cluster=42", "cluster="),
        COMMENT.replace("by hand", "for fun"),
        COMMENT.replace("2026-11-24T10:12:00Z", "yesterday"),
        COMMENT.replace("00Z", "00"),
        f"{COMMENT}\nanother line",
        f" {COMMENT}",
    ],
)
def test_any_other_comment_is_no_stamp(comment: str) -> None:
    assert Stamp.parse(comment) is None
    reasons = reasons_to_refuse(make_snapshot(comment=comment), cluster="42", source="dashtam", known=[])
    assert len(reasons) == 1
    assert "does not carry the stamp" in reasons[0]


@pytest.mark.parametrize("name", ["a", "0", "before-cleanup", "a_b-c", "x" * 46])
def test_plain_names_are_taken(name: str) -> None:
    assert read_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-a", "_staging", "A", "ä", "a b", "a'; --", "a\n", "a.b", "x" * 47, '"', "a\x00", "../a"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(EnvironmentMisused, match="cannot be called"):
        read_name(name)


@given(st.text())
def test_a_name_that_is_taken_fits_postgres_and_the_shell(name: str) -> None:
    try:
        database = replace(make_snapshot(), name=read_name(name)).database
    except EnvironmentMisused:
        return
    assert len(database.encode()) <= 63
    assert not database.startswith("dashtam_snapshot__")
    assert set(database) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


def test_names_are_made_of_the_moment_and_never_twice() -> None:
    assert choose_name(Reason.BY_HAND, [], NOW) == "20261124-101500"
    first = choose_name(Reason.BEFORE_RESTORE, [], NOW)
    second = choose_name(Reason.BEFORE_RESTORE, [first], NOW)
    third = choose_name(Reason.BEFORE_RESTORE, [first, second], NOW)
    assert [first, second, third] == [
        "before-restore-20261124-101500",
        "before-restore-20261124-101500-2",
        "before-restore-20261124-101500-3",
    ]


@pytest.mark.parametrize("reason", Reason)
def test_every_name_that_we_make_may_be_typed(reason: Reason) -> None:
    name = choose_name(reason, [choose_name(reason, [], NOW)], NOW)
    assert read_name(name) == name


def test_a_snapshot_of_ours_is_restored() -> None:
    known = ["0_1_init.py", "1_2_more.py"]
    assert reasons_to_refuse(make_snapshot(), cluster="42", source="dashtam", known=known) == []
    empty = make_snapshot(comment=COMMENT.replace("0_1_init.py", "none"))
    assert reasons_to_refuse(empty, cluster="42", source="dashtam", known=known) == []


def test_all_reasons_are_told_at_once() -> None:
    reasons = reasons_to_refuse(make_snapshot(), cluster="43", source="other", known=["1_2_more.py"])
    assert [reason.partition(";")[0] for reason in reasons] == [
        "it was taken in cluster 42",
        "it is a copy of dashtam",
        "its schema is newer than this checkout: migration 0_1_init.py is not in migrations/",
    ]


def test_automatic_snapshots_go_when_they_are_both_many_and_old() -> None:
    old = KEPT_FOR + timedelta(seconds=1)
    automatic = [
        aged(old + timedelta(minutes=number), reason, str(number))
        for number, reason in enumerate([Reason.BEFORE_RESTORE, Reason.BEFORE_MIGRATION] * KEPT)
    ]
    young = [replace(one, stamp=aged(KEPT_FOR, Reason.BEFORE_RESTORE).stamp) for one in automatic]
    by_hand = [aged(old, Reason.BY_HAND, str(number)) for number in range(2 * KEPT)]
    strangers = [make_snapshot(comment="mine")] * 2 * KEPT
    assert find_surplus(automatic[:KEPT], NOW) == []
    assert find_surplus(automatic[::-1], NOW) == automatic[KEPT:]
    assert find_surplus([*young, *by_hand, *strangers], NOW) == []
    assert find_surplus([*by_hand, *automatic, *strangers], NOW) == automatic[KEPT:]


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (999, "999 B"), (8_040_000, "8.0 MB"), (3 * 10**15, "3000.0 TB")]
)
def test_sizes_are_for_people(size: int, shown: str) -> None:
    assert show_size(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-5, "now"), (0, "now"), (1, "1 second"), (7199, "1 hour"), (200_000, "2 days")]
)
def test_ages_are_for_people(seconds: int, shown: str) -> None:
    assert show_age(NOW - timedelta(seconds=seconds), NOW) == shown


def test_what_is_listed_is_the_same_for_people_and_for_machines() -> None:
    snapshot, stranger = make_snapshot(), make_snapshot("odd", "mine")
    assert as_row(snapshot, NOW) == ("one", "3 minutes", "8.0 MB", "0_1_init.py", "by hand")
    assert as_row(stranger, NOW) == ("odd", "-", "8.0 MB", "-", "no snapshot of ours: it has no stamp")
    assert as_document(snapshot) == {
        "name": "one",
        "database": "dashtam_snapshot_one",
        "size": 8_000_000,
        "created": "2026-11-24T10:12:00+00:00",
        "migration_head": "0_1_init.py",
        "reason": "by hand",
        "source": "dashtam",
        "cluster": "42",
    }
    assert as_document(stranger)["created"] is None
