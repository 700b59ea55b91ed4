"""What a project remembers survives, and one verb at a time changes it."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from dashtam.devenv.components import EngineName
from dashtam.devenv.errors import EnvironmentRefused
from dashtam.devenv.project.lock import find_holder, find_leftover, hold_lock, lock_path
from dashtam.devenv.project.state import State, load_state, save_state, state_path


def test_nothing_is_recorded_in_the_beginning(tmp_path: Path) -> None:
    assert load_state(tmp_path / "home") == State()


def test_what_was_recorded_is_read_again(tmp_path: Path) -> None:
    state = (
        State()
        .with_engine(EngineName.COMPOSE, tmp_path)
        .with_cluster(EngineName.COMPOSE, "7711487606789438591")
    )
    save_state(tmp_path / "home", state)
    assert load_state(tmp_path / "home") == state
    assert state_path(tmp_path / "home").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"engine": "podman", "checkout": null, "clusters": {}}',
        '{"engine": null, "checkout": null, "clusters": {"embedded": "1; DROP"}}',
        '{"engine": null, "checkout": null, "clusters": {"embedded": 7}}',
        '{"engine": null, "checkout": 7, "clusters": {}}',
        "\x00\x00",
    ],
)
def test_a_damaged_record_is_refused_with_the_way_out(tmp_path: Path, content: str) -> None:
    state_path(tmp_path).write_text(content)
    with pytest.raises(EnvironmentRefused, match="is damaged") as refused:
        load_state(tmp_path)
    assert "mv " in refused.value.advice


def test_a_record_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    save_state(tmp_path, State().with_engine(EngineName.EMBEDDED, tmp_path))
    limited = multiprocessing.get_context("spawn").Process(target=_save_without_room, args=(tmp_path,))
    limited.start()
    limited.join()
    assert limited.exitcode == 7
    assert load_state(tmp_path).engine is EngineName.EMBEDDED
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def _save_without_room(home: Path) -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
    try:
        save_state(home, State().with_engine(EngineName.COMPOSE, home))
    except OSError:
        os._exit(7)


def test_a_second_verb_is_refused_and_told_who_is_at_work(tmp_path: Path) -> None:
    with hold_lock(tmp_path, "invoke up"):
        with pytest.raises(EnvironmentRefused, match=rf"pid {os.getpid()} \(invoke up\), since 20"):
            hold_lock(tmp_path, "invoke test.setup").__enter__()
        assert f"pid {os.getpid()} (invoke up)" in (find_holder(tmp_path) or "")
    assert find_holder(tmp_path) is None
    with hold_lock(tmp_path, "invoke test.setup"):
        pass


def test_the_lock_of_a_killed_verb_is_free_and_tells_who_was_killed(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_die_with_the_lock, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert find_holder(tmp_path) is None
    assert f"pid {process.pid} (invoke up)" in (find_leftover(tmp_path) or "")
    with hold_lock(tmp_path, "invoke up"):
        assert json.loads(lock_path(tmp_path).read_text())["pid"] == os.getpid()
    assert find_leftover(tmp_path) is None


def _die_with_the_lock(home: Path) -> None:
    with hold_lock(home, "invoke up"):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_refused_verb_leaves_the_name_of_the_holder_in_place(tmp_path: Path) -> None:
    with hold_lock(tmp_path, "invoke up"):
        for _ in range(2):
            with pytest.raises(EnvironmentRefused, match="invoke up"):
                hold_lock(tmp_path, "invoke down").__enter__()


def test_a_lock_without_a_name_is_a_verb_that_has_just_begun(tmp_path: Path) -> None:
    with hold_lock(tmp_path, "invoke up"):
        lock_path(tmp_path).write_bytes(b"")
        assert find_holder(tmp_path) == "a process that has only just begun"
