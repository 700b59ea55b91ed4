"""The embedded engine on a machine that is busy, full, closed, or not as it was left."""

import contextlib
import json
import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dashtam.devenv.components import SERVERS, STORES, Component, Mode
from dashtam.devenv.engines.embedded.binaries import locate_binaries
from dashtam.devenv.engines.embedded.identity import SUPERVISOR, find_marked, read_environment
from dashtam.devenv.engines.engine import Health
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentRefused
from tests.support.projects.embedded import EmbeddedProject, embedded_project, throwaway_folder

POISON = {
    "DATABASE_URL": "postgresql://u:p@127.0.0.1:1/elsewhere",
    "REDIS_URL": "redis://127.0.0.1:1/9",
    "PGHOST": "elsewhere.invalid",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGDATABASE": "elsewhere",
    "PGSERVICE": "live",
    "PGOPTIONS": "-c search_path=evil",
    "COMPOSE_FILE": "elsewhere.yml",
    "DOCKER_HOST": "ssh://elsewhere.invalid",
    "ENVIRONMENT": "production",
}
root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a file system")


@pytest.fixture(name="project")
def _project() -> Iterator[EmbeddedProject]:
    with embedded_project() as project:
        yield project


@pytest.fixture(scope="module", name="running")
def _running() -> Iterator[EmbeddedProject]:
    with pytest.MonkeyPatch.context() as shell, embedded_project() as project:
        for name, value in POISON.items():
            shell.setenv(name, value)
        project.start()
        yield project


def test_the_shells_variables_reach_no_process(running: EmbeddedProject) -> None:
    for process in running.processes():
        environment = read_environment(process)
        assert not {name for name, value in POISON.items() if environment.get(name) == value}


def test_no_secret_stands_in_argv_or_in_a_file_for_others(running: EmbeddedProject) -> None:
    configuration = running.configuration
    secrets = [
        *(configuration.redis_password(mode) for mode in Mode),
        running.folders.superuser_password.read_text(),
        *(configuration.owner(mode).password for mode in Mode),
    ]
    for process in running.processes():
        assert not [secret for secret in secrets if secret in " ".join(process.cmdline())]
    for file in configuration.home.rglob("*"):
        if file.is_file() and stat.S_IMODE(file.stat().st_mode) & 0o077 and _reachable_by_others(file):
            assert not [secret for secret in secrets if secret.encode() in file.read_bytes()], file


def _reachable_by_others(file: Path) -> bool:
    return all(stat.S_IMODE(folder.stat().st_mode) & 0o001 for folder in file.parents)


def test_every_process_listens_on_loopback_only(running: EmbeddedProject) -> None:
    listening = [
        connection.laddr[0]
        for process in running.processes()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert len(listening) == len(set(Component) - {Component.REFRESHER})  # which nobody asks anything
    assert set(listening) == {"127.0.0.1"}


def test_nobody_asks_redis_anything_without_a_user_and_its_password(running: EmbeddedProject) -> None:
    with socket.create_connection(("127.0.0.1", running.configuration.redis_port)) as connection:
        stream = connection.makefile("rwb")
        for command, answer in (
            ("PING", b"-NOAUTH"),
            (f"AUTH {running.configuration.redis_password(Mode.DEVELOPMENT)}", b"-WRONGPASS"),
            ("AUTH development wrong", b"-WRONGPASS"),
            (f"AUTH health {running.configuration.redis_password(Mode.DEVELOPMENT)}", b"+OK"),
            ("PING", b"+PONG"),
        ):
            stream.write(f"{command}\r\n".encode())
            stream.flush()
            assert stream.readline().startswith(answer)


def test_a_second_start_restarts_nothing(running: EmbeddedProject) -> None:
    before = [status.process for status in running.engine.statuses()]

    running.start()

    assert [status.process for status in running.engine.statuses()] == before


def test_a_changed_env_file_restarts_the_servers_and_not_the_stores(running: EmbeddedProject) -> None:
    before = [status.process for status in running.engine.statuses()]
    env_file = running.configuration.env_file(Mode.DEVELOPMENT)
    env_file.write_text(env_file.read_text().replace("LOG_LEVEL=INFO", "LOG_LEVEL=DEBUG"))

    running.start()

    after = [status.process for status in running.engine.statuses()]
    assert after[:2] == before[:2]
    assert not set(after[2:]) & set(before[2:])


def test_a_query_reads_and_never_writes(running: EmbeddedProject) -> None:
    rows = running.engine.query("dashtam", "SELECT 'a,b' || chr(10) || '\"c', NULL, 1")

    assert rows == [['a,b\n"c', "", "1"]]
    with pytest.raises(EnvironmentFailed, match="read-only transaction"):
        running.engine.query("dashtam", "CREATE TABLE intruder ()")


def test_a_new_engine_runs_commands_in_the_mode_that_app_runs_in(running: EmbeddedProject) -> None:
    say = [
        "python",
        "-c",
        "import os; print(os.environ['ENVIRONMENT'], os.environ.get('CLUSTER_IDENTIFIER'))",
    ]
    running.engine.start(Mode.TESTING, [*STORES, *SERVERS], cluster_identifier="42")
    elsewhere = EmbeddedProject(running.configuration)

    assert elsewhere.engine.capture(Component.APP, say) == "testing 42\n"
    assert [status.health for status in elsewhere.engine.statuses()][2:] == [
        Health.IDLE,
        Health.STOPPED,
        Health.STOPPED,
    ]

    running.start()
    assert elsewhere.engine.capture(Component.APP, say) == "development None\n"


def test_stop_kills_nothing_and_leaves_no_process(project: EmbeddedProject) -> None:
    project.start()

    project.stop()

    log = (project.folders.logs / "supervisord.log").read_text(encoding="utf-8")
    assert "stopped: postgres" in log
    assert "SIGKILL" not in log
    assert not project.processes()
    project.stop()


def test_a_busy_port_is_refused_with_its_holder(project: EmbeddedProject) -> None:
    with socket.create_server(("127.0.0.1", project.configuration.postgres_port)):
        with pytest.raises(EnvironmentFailed, match=rf"pid {os.getpid()} \(.*POSTGRES_PORT"):
            project.start_stores()
        assert not project.folders.cluster.joinpath("postmaster.pid").exists()

    project.start_stores()


def test_a_cluster_of_another_major_version_is_refused_and_left_alone(project: EmbeddedProject) -> None:
    project.folders.cluster.mkdir(parents=True)
    (project.folders.cluster / "PG_VERSION").write_text("17\n")

    with pytest.raises(EnvironmentRefused, match=r"made by PostgreSQL 17; expected 18"):
        project.start_stores()

    assert [file.name for file in project.folders.cluster.iterdir()] == ["PG_VERSION"]


def test_a_folder_that_is_no_cluster_is_refused_and_left_alone(project: EmbeddedProject) -> None:
    project.folders.cluster.mkdir(parents=True)
    (project.folders.cluster / "precious").write_text("data")

    with pytest.raises(EnvironmentRefused, match=r"no PostgreSQL cluster"):
        project.start_stores()

    assert (project.folders.cluster / "precious").read_text() == "data"


def test_corrupt_files_of_a_former_run_are_healed(project: EmbeddedProject) -> None:
    project.start_stores()
    project.psql("CREATE TABLE canary (id int); INSERT INTO canary VALUES (1)")
    for process in project.processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # it followed its supervisor
            process.kill()
    for file in project.folders.run.iterdir():
        file.unlink()
        file.write_text("\0garbage")
    (project.folders.run / "supervisord.pid").write_text("1\n")
    (project.folders.redis / "valkey.conf").write_text("garbage")

    project.start_stores()

    assert project.psql("SELECT id FROM canary") == "1"


def test_a_lock_file_that_names_another_program_is_no_obstacle(project: EmbeddedProject) -> None:
    project.start_stores()
    lock = project.folders.cluster / "postmaster.pid"
    _, *lines = lock.read_text().splitlines()
    project.stop()
    owner = project.folders.cluster.stat()
    with subprocess.Popen(["sleep", "600"], user=owner.st_uid, group=owner.st_gid, cwd="/") as stranger:
        lock.write_text("\n".join([str(stranger.pid), *lines]) + "\n")
        os.chown(lock, owner.st_uid, owner.st_gid)

        try:
            project.start_stores()
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_data_folder_with_a_very_long_name_works() -> None:
    with throwaway_folder() as folder, embedded_project(home=folder / ("x" * 90) / "throwaway") as project:
        project.start_stores()

        assert project.psql("SELECT 1") == "1"
        assert stat.S_IMODE(project.folders.socket.parent.stat().st_mode) == 0o700
        project.stop()
        assert not project.folders.socket.parent.exists()


def test_two_projects_run_side_by_side_and_end_apart(project: EmbeddedProject) -> None:
    project.start_stores()
    with embedded_project() as other:
        other.start_stores()
        other.psql("CREATE TABLE theirs ()")
        other.stop()

    assert project.psql("SELECT to_regclass('theirs') IS NULL") == "t"


def test_wiping_removes_the_data_and_the_next_start_begins_anew(project: EmbeddedProject) -> None:
    project.start_stores()
    project.psql("CREATE TABLE canary ()")

    project.engine.wipe()

    assert not project.processes()
    project.start_stores()
    assert project.psql("SELECT to_regclass('canary') IS NULL") == "t"


def test_a_lost_superuser_password_is_said_and_the_data_stays(project: EmbeddedProject) -> None:
    project.start_stores()
    project.psql("CREATE TABLE canary ()")
    kept = project.folders.superuser_password.read_text()
    project.folders.superuser_password.unlink()

    with pytest.raises(EnvironmentFailed, match=r"postgres-superuser is missing"):
        project.start_stores()

    project.folders.superuser_password.write_text(kept)
    project.start_stores()
    assert project.psql("SELECT to_regclass('canary')") == "canary"


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "none", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@root_only
def test_a_disk_that_is_full_is_said_and_room_heals_it() -> None:
    with (
        throwaway_folder() as folder,
        small_disk(folder, 60) as disk,
        embedded_project(home=disk / "p") as project,
    ):
        with pytest.raises(EnvironmentFailed, match=r"No space left on device"):
            project.start_stores()
        assert not project.folders.cluster.exists()

        subprocess.run(["mount", "-o", "remount,size=400m", str(disk)], check=True)
        project.start_stores()
        assert project.psql("SELECT 1") == "1"
        project.stop()


@root_only
def test_a_disk_that_is_read_only_is_said() -> None:
    with (
        throwaway_folder() as folder,
        small_disk(folder, 20) as disk,
        embedded_project(home=disk / "p") as project,
    ):
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

        with pytest.raises(EnvironmentFailed, match=r"Read-only file system"):
            project.engine.prepare()

        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


@root_only
def test_as_root_the_stores_run_as_an_ordinary_user_and_the_servers_as_we_do(
    running: EmbeddedProject,
) -> None:
    users = {component: running.process(component).uids().real for component in Component}

    assert 0 not in {users[component] for component in STORES}
    assert {users[component] for component in SERVERS} == {os.getuid()}


@root_only
def test_a_closed_folder_on_the_way_is_named_and_stays_closed() -> None:
    with throwaway_folder() as folder, embedded_project(home=folder / "closed" / "p") as project:
        (folder / "closed").mkdir(mode=0o700)

        with pytest.raises(EnvironmentFailed, match=r"may not pass through .*/closed"):
            project.start_stores()

        assert stat.S_IMODE((folder / "closed").stat().st_mode) == 0o700


def test_the_launch_files_are_for_us_alone(running: EmbeddedProject) -> None:
    (daemon,) = find_marked(running.folders.instance, SUPERVISOR)

    assert daemon.uids().real == os.getuid()
    assert stat.S_IMODE(running.folders.run.stat().st_mode) == 0o700
    for component in Component:
        file = running.folders.run / f"{component}.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert json.loads(file.read_text())["component"] == component


def test_the_programs_come_from_the_wheels() -> None:
    binaries = locate_binaries()

    version = subprocess.run(
        [binaries.postgres_bin / "postgres", "--version"], capture_output=True, text=True
    )
    assert version.stdout.startswith("postgres (PostgreSQL) 18")
