"""docker/snapshot.sh refuses what it is told wrongly, and a copy that finds no room, before it touches anything."""

import re
from pathlib import Path

import pytest

from tests.support.servers.clusters import Cluster
from tests.support.servers.snapshot_scripts import STAGING, describe, done, refused, run, stamp


@pytest.mark.parametrize(
    "database",
    [
        *("dashtam", "dashtam_test", "postgres", STAGING, "dashtam_snapshot_", "dashtam_snapshot_One"),
        *('dashtam_snapshot_a"b', f"dashtam_snapshot_{'a' * 47}"),
    ],
)
def test_what_cannot_be_the_name_of_a_snapshot_is_wrong_usage(cluster: Cluster, database: str) -> None:
    before = describe(cluster)
    for action in ("take", "restore", "drop"):
        for name in ("DASHTAM_SNAPSHOT_DATABASE", "DASHTAM_SNAPSHOT_BEFORE"):
            answer = run(cluster, action, **{name: database})
            assert answer.returncode == 2, answer.stderr
            assert name in answer.stderr
    assert describe(cluster) == before


@pytest.mark.parametrize(
    ("action", "name"), [("take", "DASHTAM_SNAPSHOT_SOURCE"), ("restore", "DASHTAM_SNAPSHOT_DATABASE")]
)
def test_what_is_not_told_is_wrong_usage(cluster: Cluster, action: str, name: str) -> None:
    answer = run(cluster, action, **{name: ""})
    assert answer.returncode not in {0, 3}
    assert f"{name}: is not set" in answer.stderr


def says(cluster: Cluster, folder: Path, *, free: str, file_system: str) -> str:
    """A PATH on which `df` and `stat` say how much room there is, and on what."""
    for name, sentence in (("df", f"head\ndevice {free}"), ("stat", file_system)):
        (folder / name).write_text(f"#!/bin/sh\necho '{sentence}'\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{cluster.psql_environment()['PATH']}"


def test_a_copy_that_finds_no_room_is_refused_before_it_begins(cluster: Cluster, tmp_path: Path) -> None:
    done(cluster, "take")
    path = says(cluster, tmp_path, free="1000 999 1 99% /", file_system="ext4")
    said = refused(cluster, "take", PATH=path, DASHTAM_SNAPSHOT_DATABASE="dashtam_snapshot_two")
    assert re.search(r"no room for a copy: \d+ MiB needed, 0 MiB free", said)
    # What makes room needs none.
    done(cluster, "drop", PATH=path, DASHTAM_SNAPSHOT_STAMP=stamp(cluster))


@pytest.mark.parametrize(
    ("free", "file_system"),
    [
        *(("1000 999 1 99% /", name) for name in ("btrfs", "xfs", "zfs")),
        ("", "ext4"),
        (f"1 1 {10**9} 1% /", "ext4"),
    ],
)
def test_a_copy_is_made_where_it_takes_no_room_or_nobody_says_how_much_there_is(
    cluster: Cluster, tmp_path: Path, free: str, file_system: str
) -> None:
    path = says(cluster, tmp_path, free=free, file_system=file_system)
    assert done(cluster, "take", PATH=path).endswith(f" {file_system}\n")


@pytest.mark.parametrize("word", ["", "wipe"])
def test_an_unknown_action_is_wrong_usage(cluster: Cluster, word: str) -> None:
    answer = run(cluster, word)
    assert answer.returncode == 2
    assert answer.stderr == f"snapshot.sh {word}: expected take, restore, drop or mend\n"
