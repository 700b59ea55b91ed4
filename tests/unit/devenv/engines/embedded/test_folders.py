"""Where the embedded engine keeps what, and with which permissions."""

import stat
from pathlib import Path

import pytest

from dashtam.devenv.engines.embedded.account import Account, ensure_reachable
from dashtam.devenv.engines.embedded.folders import Folders, ensure_private, write_private
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused


def test_a_socket_stays_in_the_run_folder_where_its_path_is_short() -> None:
    assert Folders(Path("/short")).socket == Path("/short/run/supervisor.sock")


def test_a_socket_whose_path_is_too_long_moves_to_a_folder_of_its_own() -> None:
    one, other = Folders(Path("/long" * 30)), Folders(Path("/long" * 31))

    assert len(str(one.socket)) < 90
    assert one.socket != other.socket


def test_every_data_folder_has_its_own_mark_however_it_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)

    assert Folders(tmp_path / "link" / "a").instance == Folders(tmp_path / "a").instance
    assert Folders(tmp_path / "a").instance != Folders(tmp_path / "b").instance


def test_a_private_folder_is_closed_to_others_even_if_it_was_open(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o777)

    ensure_private(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_in_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "private").symlink_to(tmp_path / "real")

    with pytest.raises(EnvironmentRefused, match="is a link"):
        ensure_private(tmp_path / "private")


def test_a_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_private(tmp_path / "secret", "word")

    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_a_closed_folder_on_the_way_is_named_and_left_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "home").mkdir(parents=True)
    closed.chmod(0o700)
    open_for_all = Path("/")

    with pytest.raises(EnvironmentFailed, match="may not pass through"):
        ensure_reachable(Account(64321, 64321), closed / "home")

    ensure_reachable(Account(64321, 64321), open_for_all)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
