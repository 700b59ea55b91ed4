"""Serves the Redis data of a project without its users, for tests that write or inspect keys.

The users of a running project may do neither. The server is the same program on another port.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from redis import Redis
from redis.exceptions import ConnectionError as RedisIsAway

from dashtam.devenv.components import EngineName
from dashtam.devenv.engines.embedded.folders import Folders
from dashtam.devenv.engines.embedded.launches import Launches
from tests.support.projects.project import ThrowawayProject
from tests.support.servers.clusters import running_server, temporary_folder, wait_until
from tests.support.servers.ports import free_ports

_OPTIONS: Final = ("--appendonly", "yes", "--save", "", "--protected-mode", "no")

Contents = Mapping[object, tuple[object, object, bytes | None]]
"""Key to type, instant of expiry in milliseconds (-1 for never), and DUMP."""


@contextmanager
def open_data(project: ThrowawayProject) -> Iterator[Redis]:
    """Serve the data of a stopped project, for changes."""
    with _serve(project, copied=False) as client:
        yield client


@contextmanager
def copied_data(project: ThrowawayProject) -> Iterator[Redis]:
    """Serve a copy of the data files of a running project."""
    with _serve(project, copied=True) as client:
        yield client


def read_data(project: ThrowawayProject, index: int) -> Contents:
    """Return the contents of an index."""
    with copied_data(project) as client:
        client.select(index)
        return {
            key: (client.type(key), client.pexpiretime(key), client.dump(key)) for key in client.scan_iter()
        }


@contextmanager
def open_unguarded(project: ThrowawayProject) -> Iterator[Redis]:
    """Start the same program without data and without users."""
    embedded = project.engine_name is EngineName.EMBEDDED
    with _serve_embedded(project, None) if embedded else _serve_compose() as client:
        yield client


@contextmanager
def _serve(project: ThrowawayProject, *, copied: bool) -> Iterator[Redis]:
    if project.engine_name is EngineName.COMPOSE:
        volume = f"{project.name}-redis"
        mount = f"--volume={volume}:/from:ro" if copied else f"--volume={volume}:/data"
        with _serve_compose(mount) as client:
            yield client
        return
    folder = project.home / "redis"
    if not copied:
        with _serve_embedded(project, folder) as client:
            yield client
        return
    with temporary_folder(Launches(project.configuration, Folders(project.home)).account) as copy:
        shutil.copytree(folder / "appendonlydir", copy / "appendonlydir")
        with _serve_embedded(project, copy) as client:
            yield client


@contextmanager
def _serve_embedded(project: ThrowawayProject, folder: Path | None) -> Iterator[Redis]:
    launches = Launches(project.configuration, Folders(project.home))
    with temporary_folder(launches.account) as own:
        data = folder or own
        if launches.account is not None:
            for path in (data, *data.rglob("*")):
                shutil.chown(path, launches.account.uid, launches.account.gid)
        (port,) = free_ports(1)
        command = [str(launches.binaries.valkey_server), "--port", str(port), "--dir", str(data), *_OPTIONS]
        with running_server(command, launches.account, own), Redis(port=port) as client:
            _wait(client)
            yield client


@contextmanager
def _serve_compose(mount: str | None = None) -> Iterator[Redis]:
    """Serve a copy of /from if that is mounted, otherwise /data itself."""
    (port,) = free_ports(1)
    start = f"! test -d /from || cp -R /from/. /data; exec redis-server {' '.join(map(repr, _OPTIONS))}"
    options = (
        "--detach",
        "--rm",
        "--user=redis",
        f"--publish=127.0.0.1:{port}:6379",
        *([mount] if mount else []),
    )
    words = ["docker", "run", *options, "redis:8", "sh", "-c", start]
    container = subprocess.check_output(words, text=True).strip()
    try:
        with Redis(port=port) as client:
            _wait(client)
            yield client
    finally:
        subprocess.run(["docker", "stop", "--time=30", container], check=True, capture_output=True)


def _wait(client: Redis) -> None:
    def responds() -> bool:
        try:
            return bool(client.ping())
        except (RedisIsAway, OSError):
            return False

    wait_until(responds, "Redis responds")
