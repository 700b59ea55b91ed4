"""Kill everything that can be killed: it comes back, or the next start heals it, and no row is lost."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from dashtam.devenv.components import SERVERS, STORES, Component, Mode
from dashtam.devenv.engines.embedded.identity import COMPONENT, INSTANCE, SUPERVISOR, find_marked, is_alive
from dashtam.devenv.engines.engine import Health
from tests.support.checkout import CHECKOUT
from tests.support.projects.embedded import EmbeddedProject, embedded_project

_BACK_SECONDS = 120.0


@pytest.fixture(scope="module", name="shared")
def _shared() -> Iterator[EmbeddedProject]:
    with embedded_project() as project:
        project.start()
        project.psql("CREATE TABLE canary (id int PRIMARY KEY); INSERT INTO canary VALUES (1)")
        yield project


@pytest.fixture(name="running")
def _running(shared: EmbeddedProject) -> EmbeddedProject:
    """The project that these tests share, healthy whatever the last one left behind."""
    if not all_healthy(shared):
        shared.start()
    return shared


@pytest.fixture(name="project")
def _project() -> Iterator[EmbeddedProject]:
    with embedded_project() as project:
        yield project


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _BACK_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"never saw: {what}"
        time.sleep(0.05)


def all_healthy(project: EmbeddedProject) -> bool:
    return all(status.health is Health.HEALTHY for status in project.engine.statuses())


@pytest.mark.parametrize("component", list(Component))
def test_a_killed_component_comes_back_by_itself(running: EmbeddedProject, component: Component) -> None:
    killed = running.process(component)
    family = [killed, *killed.children(recursive=True)]

    killed.kill()

    eventually(lambda: not any(map(is_alive, family)), "the end of the old processes")
    eventually(lambda: all_healthy(running), "all five healthy")
    assert running.process(component) != killed
    assert running.psql("SELECT id FROM canary") == "1"


@pytest.mark.parametrize("component", SERVERS)
def test_a_killed_hypercorn_comes_back_under_its_reloader(
    running: EmbeddedProject, component: Component
) -> None:
    reloader = running.process(component)
    (server,) = reloader.children()

    server.kill()

    eventually(lambda: not is_alive(server) and all_healthy(running), "another hypercorn")
    assert running.process(component) == reloader


def test_a_killed_postmaster_comes_back_past_a_backend_that_is_still_busy(running: EmbeddedProject) -> None:
    busy = subprocess.Popen(
        [sys.executable, "-c", _BUSY, str(running.configuration.postgres_port), _owner_password(running)],
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: running.psql(_COUNT_BUSY) == "1", "a busy backend")

    running.process(Component.POSTGRES).kill()

    eventually(lambda: all_healthy(running), "all five healthy")
    busy.wait(_BACK_SECONDS)
    assert running.psql("SELECT id FROM canary") == "1"


def test_the_start_after_a_killed_supervisor_finds_no_orphan_and_every_row(running: EmbeddedProject) -> None:
    before = running.processes()
    (daemon,) = find_marked(running.folders.instance, SUPERVISOR)
    daemon.kill()

    running.start()

    assert not any(map(is_alive, before))
    assert all_healthy(running)
    assert running.psql("SELECT id FROM canary") == "1"


def test_what_a_killed_supervisor_leaves_behind_is_seen_and_stopped(running: EmbeddedProject) -> None:
    (daemon,) = find_marked(running.folders.instance, SUPERVISOR)
    daemon.kill()
    eventually(lambda: not running.processes(), "the end of all that is tied to supervisord")

    # Linux ends the components with it; elsewhere they stay. This one stands for them: it bears their marks.
    marks = {INSTANCE: running.folders.instance, COMPONENT: Component.REDIS.value}
    leftover = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], env=marks)
    try:
        eventually(lambda: running.engine.statuses()[1].health is Health.UNHEALTHY, "the leftover")
        running.stop()
        assert leftover.wait(_BACK_SECONDS) == -signal.SIGTERM
    finally:
        leftover.kill()
        leftover.wait()

    assert not running.processes()
    running.start()
    assert running.psql("SELECT id FROM canary") == "1"


def test_a_stopped_supervisor_that_answers_nobody_is_replaced(running: EmbeddedProject) -> None:
    (daemon,) = find_marked(running.folders.instance, SUPERVISOR)
    running.folders.socket.unlink()

    running.start()

    assert not is_alive(daemon)
    assert all_healthy(running)
    assert running.psql("SELECT id FROM canary") == "1"


def test_a_row_written_before_everything_is_killed_at_once_is_there_afterwards(
    running: EmbeddedProject,
) -> None:
    running.psql("INSERT INTO canary VALUES (2)")
    for process in running.processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # it followed its supervisor
            process.kill()

    running.start()

    assert running.psql("SELECT count(*) FROM canary") == "2"
    running.psql("DELETE FROM canary WHERE id = 2")


@pytest.mark.parametrize("after", [0.2, 0.5, 0.8, 1.2])
def test_a_first_start_killed_half_way_is_healed_by_the_next(project: EmbeddedProject, after: float) -> None:
    starting = start_elsewhere(project)
    time.sleep(after)  # not a wait for something: the moment of the kill is what is tested
    starting.kill()
    starting.wait()

    project.start()

    assert all_healthy(project)


def test_an_initdb_killed_half_way_leaves_nothing_that_counts_as_a_cluster(project: EmbeddedProject) -> None:
    starting = start_elsewhere(project)
    staging = project.folders.postgres / "initdb" / "data"
    eventually((staging / "PG_VERSION").exists, "initdb at work")
    for process in psutil.Process(starting.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # initdb's own children come and go
            process.kill()
    starting.wait()
    assert not project.folders.cluster.exists()

    project.start_stores()

    assert project.psql("SHOW data_checksums") == "on"
    assert not staging.parent.exists()


def test_an_initdb_that_outlives_the_start_that_ran_it_is_ended(project: EmbeddedProject) -> None:
    starting = start_elsewhere(project)
    eventually((project.folders.postgres / "initdb/data/PG_VERSION").exists, "initdb at work")
    at_work = psutil.Process(starting.pid).children(recursive=True)
    for process in at_work:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    starting.kill()
    starting.wait()

    project.engine.prepare()

    assert not any(map(is_alive, at_work))
    project.start_stores()
    assert project.psql("SELECT 1") == "1"


def test_a_switch_killed_half_way_ends_in_the_mode_of_the_next_start(running: EmbeddedProject) -> None:
    running.engine.start(Mode.TESTING, [*STORES, *SERVERS], cluster_identifier="1")
    assert running.engine.statuses()[2].health is Health.IDLE
    running.process(Component.APP).send_signal(signal.SIGKILL)

    running.start()

    assert all_healthy(running)
    assert {status.mode for status in running.engine.statuses()[2:]} == {Mode.DEVELOPMENT}


def start_elsewhere(project: EmbeddedProject) -> subprocess.Popen[bytes]:
    """Start the project in another process, as a task would."""
    configuration = project.configuration
    return subprocess.Popen(
        [sys.executable, "-c", _START, str(configuration.checkout), str(configuration.home)],
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _owner_password(project: EmbeddedProject) -> str:
    return project.configuration.owner(Mode.DEVELOPMENT).password


_START = """
import sys
from pathlib import Path
from dashtam.devenv.project.configuration import read_configuration
from dashtam.devenv.project.project import Project
from tests.support.projects.embedded import EmbeddedProject
EmbeddedProject(read_configuration(Project("throwaway", Path(sys.argv[1]), Path(sys.argv[2])))).start()
"""
# A backend in a loop does not look at its postmaster, and keeps the shared memory of the cluster.
_BUSY = """
import asyncio, sys
import asyncpg
async def main():
    connection = await asyncpg.connect(host="127.0.0.1", port=int(sys.argv[1]), user="dashtam_user",
        password=sys.argv[2], database="dashtam", server_settings={"application_name": "busy"})
    await connection.execute("SELECT count(*) FROM generate_series(1, 10000000000)")
asyncio.run(main())
"""
_COUNT_BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'busy' AND state = 'active'"
