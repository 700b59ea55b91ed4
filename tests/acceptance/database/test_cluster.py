"""A cluster is made once and whole; nothing is made over what is there, and what is there is never removed."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dashtam.devenv.engines.embedded.account import Account
from dashtam.devenv.engines.embedded.binaries import Binaries
from dashtam.devenv.engines.embedded.cluster import ensure_cluster, ensure_superuser_password
from dashtam.devenv.engines.embedded.folders import Folders, ensure_private
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from tests.support.projects.processes import marked, working_in
from tests.support.servers.clusters import temporary_folder

Programs = tuple[Binaries, Account | None]


@pytest.fixture
def folders(programs: Programs) -> Iterator[Folders]:
    with temporary_folder(programs[1]) as folder:
        (folder / "postgres").mkdir(mode=0o755)
        yield Folders(folder)


def test_a_cluster_is_made_whole_and_never_again(folders: Folders, programs: Programs) -> None:
    ensure_cluster(folders, *programs)
    assert (folders.cluster / "global" / "pg_control").is_file()
    assert [one.name for one in folders.postgres.iterdir()] == ["data"]
    password, made = folders.superuser_password.read_text(), folders.cluster.stat().st_ino
    (folders.cluster / "canary").touch()
    ensure_cluster(folders, *programs)
    assert (folders.cluster / "canary").exists()
    assert folders.cluster.stat().st_ino == made
    assert folders.superuser_password.read_text() == password


@pytest.mark.parametrize(
    ("version", "reason"), [(None, "is no PostgreSQL cluster"), ("12", "was made by PostgreSQL 12; expected")]
)
def test_what_is_no_cluster_of_ours_is_refused_and_stays(
    folders: Folders, programs: Programs, version: str | None, reason: str
) -> None:
    folders.cluster.mkdir()
    (folders.cluster / "canary").touch()
    if version is not None:
        (folders.cluster / "PG_VERSION").write_text(version)
    with pytest.raises(EnvironmentRefused, match=reason):
        ensure_cluster(folders, *programs)
    assert (folders.cluster / "canary").exists()
    assert [one.name for one in folders.postgres.iterdir()] == ["data"]


def test_an_initdb_that_fails_leaves_no_cluster_and_the_next_one_makes_it(
    folders: Folders, programs: Programs
) -> None:
    ensure_private(folders.superuser_password.parent)
    folders.superuser_password.touch()
    with pytest.raises(EnvironmentFailed, match=r"initdb failed: .*password file .* is empty"):
        ensure_cluster(folders, *programs)
    assert not folders.cluster.exists()
    folders.superuser_password.unlink()
    ensure_cluster(folders, *programs)
    assert folders.cluster.is_dir()


def test_what_a_killed_initdb_left_goes_and_what_goes_on_is_ended(
    folders: Folders, programs: Programs, tmp_path: Path
) -> None:
    """It would write into the folder of the next one: its files, its processes, and those of its bootstrap server."""
    data = folders.postgres / "initdb" / "data"
    data.mkdir(parents=True)
    (data / "half").touch()
    with ExitStack() as stack:
        left: list[subprocess.Popen[str] | subprocess.Popen[bytes]] = [
            stack.enter_context(marked(folders.instance, "initdb")),
            stack.enter_context(working_in(data, tmp_path / "postgres")),
        ]
        other = stack.enter_context(marked("another", "initdb"))
        ensure_cluster(folders, *programs)
        assert [one.wait(timeout=30) for one in left] == [-9, -9]
        assert other.poll() is None
    assert (folders.cluster / "global" / "pg_control").is_file()
    assert not (folders.cluster / "half").exists()
    assert [one.name for one in folders.postgres.iterdir()] == ["data"]


def test_a_password_that_is_lost_is_not_made_again_for_a_cluster_that_has_another(folders: Folders) -> None:
    folders.cluster.mkdir()
    with pytest.raises(EnvironmentFailed, match="it holds the password of the role postgres"):
        ensure_superuser_password(folders)
    assert not folders.superuser_password.exists()
