"""Five logs read as one, whatever writes the time in them, and however they are rotated."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashtam.devenv.components import Component
from dashtam.devenv.engines.embedded.logs import Follower, last_lines, merge, print_logs, read_time

MOMENT = datetime(2026, 11, 23, 21, 26, 3, 120000, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23 21:26:03.120 UTC [17] LOG:  ready",
        "17:M 2026-11-23T21:26:03.120+00:00 * Ready",
        '{"timestamp": "2026-11-23T21:26:03.120000Z", "event": "request"}',
        "[2026-11-23 22:26:03.120 +0100] [17] [INFO] Running",
        "2026-11-23 21:26:03,120 INFO spawned",
    ],
)
def test_the_time_of_a_line_is_found_however_it_is_written(line: str) -> None:
    assert read_time(line) == MOMENT


@pytest.mark.parametrize(
    "line", ["", "Traceback (most recent call last):", "2026-99-99 99:99:99", "x" * 10_000]
)
def test_a_line_without_a_time_has_none(line: str) -> None:
    assert read_time(line) is None


def test_lines_come_in_the_order_of_time_and_a_traceback_stays_together() -> None:
    merged = merge(
        {
            Component.POSTGRES: ["2026-11-23 10:00:01 UTC a", "2026-11-23 10:00:03 UTC d"],
            Component.APP: ["2026-11-23T10:00:02Z b", "  File x", "2026-11-23T10:00:04Z e"],
        }
    )

    assert [line.split()[-1] for _, line in merged] == ["a", "b", "x", "d", "e"]


def test_the_last_lines_reach_back_over_a_rotation(tmp_path: Path) -> None:
    (tmp_path / "app.log.1").write_text("1\n2\n3\n")
    (tmp_path / "app.log").write_text("4\n5\n")

    assert last_lines(tmp_path / "app.log", 4) == ["2", "3", "4", "5"]
    assert last_lines(tmp_path / "nothing.log", 4) == []


def test_a_follower_reads_whole_lines_that_come_after_it_began(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("before\n")
    follower = Follower(path)
    with path.open("a") as log:
        log.write("one\ntw")
        log.flush()
        assert follower.read_new() == ["one"]
        log.write("o\n")
        log.flush()
        assert follower.read_new() == ["two"]
    follower.close()


def test_a_follower_loses_no_line_to_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("")
    follower = Follower(path)
    with path.open("a") as log:
        log.write("last of the old\n")
    path.rename(tmp_path / "app.log.1")
    path.write_text("first of the new\n")

    assert follower.read_new() == ["last of the old", "first of the new"]
    follower.close()


def test_a_follower_waits_for_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "app.log")
    assert follower.read_new() == []

    (tmp_path / "app.log").write_text("one\n")

    assert follower.read_new() == ["one"]
    follower.close()


def test_each_printed_line_names_its_component(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app.log").write_text("2026-11-23T10:00:02Z hello\n")

    print_logs({Component.APP: tmp_path / "app.log"}, follow=False, tail=5)

    assert capsys.readouterr().out == "app       | 2026-11-23T10:00:02Z hello\n"
