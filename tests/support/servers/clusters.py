"""Starts PostgreSQL clusters and Redis servers for tests, from the wheels of the embedded engine."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dashtam.devenv.engines.embedded.account import Account, ensure_account
from dashtam.devenv.engines.embedded.binaries import Binaries, copy_binaries, locate_binaries
from tests.support.checkout import CHECKOUT
from tests.support.servers.ports import free_ports

_DEADLINE_SECONDS: Final = 120.0


def wait_until(true: Callable[[], bool], what: str, *, seconds: float = _DEADLINE_SECONDS) -> None:
    """Probe until a condition is true.

    Raises:
        TimeoutError: the condition was not true in time; the message names it.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


@contextmanager
def programs() -> Iterator[tuple[Binaries, Account | None]]:
    """Yield the server programs and the user that runs them; None for our own user if we are not root."""
    account = ensure_account()
    if account is None:
        yield locate_binaries(), None
        return
    with temporary_folder(None) as folder:
        yield copy_binaries(folder), account


@contextmanager
def temporary_folder(account: Account | None) -> Iterator[Path]:
    """Create a folder with a short path that the user can reach, unlike the folders of pytest."""
    with tempfile.TemporaryDirectory(prefix="dashtam-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        yield folder


@contextmanager
def running_server(
    command: Sequence[str], account: Account | None, folder: Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, and stop it gracefully at the end of the context; its output is in a log in the folder."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        process.wait(timeout=_DEADLINE_SECONDS)


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL cluster with the roles of the project, and the commands that use it."""

    port: int
    folder: Path
    binaries: Binaries
    superuser_password: str
    checkout: Path = CHECKOUT
    """The checkout from which its commands run."""
    redis_url: str = "redis://testing:redis_password@127.0.0.1:1/1"
    owners: Mapping[str, str] = field(
        default_factory=lambda: {
            "DEV_POSTGRES_DB": "dashtam",
            "DEV_POSTGRES_USER": "dashtam_user",
            "DEV_POSTGRES_PASSWORD": "development_password",
            "TEST_POSTGRES_DB": "dashtam_test",
            "TEST_POSTGRES_USER": "dashtam_test_user",
            "TEST_POSTGRES_PASSWORD": "test_password",
        }
    )

    @property
    def identifier(self) -> str:
        """The system_identifier of the cluster."""
        return self.ask("SELECT system_identifier FROM pg_control_system()")

    def ask(
        self, sql: str, *, database: str = "postgres", user: str = "postgres", password: str | None = None
    ) -> str:
        """Run SQL through psql, statement by statement, and return its output; the default role is the superuser.

        Raises:
            AssertionError: a statement failed; the message is that of the server.
        """
        result = subprocess.run(
            [str(self.binaries.postgres_bin / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database],
            input=sql,
            env=self.psql_environment(user, password),
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    @contextmanager
    def holding(self, sql: str, *, database: str) -> Iterator[None]:
        """Run SQL through psql as the superuser, and keep the session and its locks until the end of the context."""
        psql = subprocess.Popen(
            [str(self.binaries.postgres_bin / "psql"), "-XAtq", "-d", database],
            env=self.psql_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert psql.stdin is not None
        with psql:  # leaving the context closes psql's input, which ends psql
            psql.stdin.write(f"{sql};\n")
            psql.stdin.flush()
            yield

    def initialize(self, script: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts in docker/ as the superuser."""
        return subprocess.run(
            ["sh", str(CHECKOUT / "docker" / script)],
            env=self.psql_environment() | dict(self.owners) | changes,
            capture_output=True,
            text=True,
        )

    def start(self, module: str, mode: str, **changes: str) -> subprocess.Popen[str]:
        """Start `python -m module` in a mode, like the app component."""
        return subprocess.Popen(
            [sys.executable, "-m", *module.split()],
            env=self.environment(mode) | changes,
            cwd=self.checkout,
            stdin=subprocess.PIPE,  # some end when it does
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, module: str, mode: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m module` in a mode until it ends."""
        process = self.start(module, mode, **changes)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def environment(self, mode: str) -> dict[str, str]:
        """Return the variables that the engine sets for the app component."""
        prefix = "DEV" if mode == "development" else "TEST"
        name, user, password = (
            self.owners[f"{prefix}_POSTGRES_{part}"] for part in ("DB", "USER", "PASSWORD")
        )
        environment = {
            "PATH": os.environ["PATH"],
            "ENVIRONMENT": mode,
            "DATABASE_URL": f"postgresql+asyncpg://{user}:{password}@127.0.0.1:{self.port}/{name}",
            "REDIS_URL": self.redis_url if mode == "testing" else self.redis_url.removesuffix("1") + "0",
            "DASHTAM_ENV_FILE": str(CHECKOUT / ".env.test"),
        }
        if mode == "testing":
            environment["CLUSTER_IDENTIFIER"] = self.identifier
            environment["DEVELOPMENT_DATABASE"] = f"127.0.0.1:{self.port}/{self.owners['DEV_POSTGRES_DB']}"
        return environment

    def psql_environment(self, user: str = "postgres", password: str | None = None) -> dict[str, str]:
        """Return the variables for psql and similar programs; the default role is the superuser."""
        return {
            "PATH": f"{self.binaries.postgres_bin}:/usr/bin:/bin",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": user,
            "PGPASSWORD": password or self.superuser_password,
            "PGCONNECT_TIMEOUT": "60",
        }


@contextmanager
def start_cluster(
    binaries: Binaries, account: Account | None, *, redis_url: str | None = None
) -> Iterator[Cluster]:
    """Create and start an empty cluster; stop and remove it at the end of the context."""
    with temporary_folder(account) as folder:
        password = secrets.token_urlsafe(16)
        password_file = folder / "password"
        password_file.write_text(password, encoding="ascii")
        password_file.chmod(0o644)
        data = folder / "data"
        initdb = [
            str(binaries.postgres_bin / "initdb"),
            "-D",
            str(data),
            "-U",
            "postgres",
            f"--pwfile={password_file}",
        ]
        with running_server(
            [*initdb, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"], account, folder
        ) as made:
            assert made.wait(timeout=_DEADLINE_SECONDS) == 0, (folder / "log").read_text()
        cluster = Cluster(free_ports(1)[0], folder, binaries, password)
        with _serve(
            cluster if redis_url is None else replace(cluster, redis_url=redis_url), account
        ) as served:
            yield served


@contextmanager
def start_standby(primary: Cluster, account: Account | None) -> Iterator[Cluster]:
    """Create and start a replica with the same names, passwords and system_identifier, but in recovery."""
    with temporary_folder(account) as folder:
        copy = [
            str(primary.binaries.postgres_bin / "pg_basebackup"),
            "-D",
            str(folder / "data"),
            "-R",
            "-c",
            "fast",
        ]
        with running_server(copy, account, folder, **primary.psql_environment()) as made:
            assert made.wait(timeout=_DEADLINE_SECONDS) == 0, (folder / "log").read_text()
        with _serve(replace(primary, port=free_ports(1)[0], folder=folder), account) as standby:
            yield standby


@contextmanager
def _serve(cluster: Cluster, account: Account | None) -> Iterator[Cluster]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": cluster.port,
        "unix_socket_directories": "",
        "fsync": "off",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [str(cluster.binaries.postgres_bin / "postgres"), "-D", str(cluster.folder / "data"), *options]
    with running_server(command, account, cluster.folder) as server:
        wait_until(lambda: server.poll() is not None or _responds(cluster), "PostgreSQL responds")
        yield cluster


def _responds(cluster: Cluster) -> bool:
    try:
        return cluster.ask("SELECT 1") == "1"
    except AssertionError:
        return False


@contextmanager
def start_redis(binaries: Binaries, account: Account | None) -> Iterator[str]:
    """Start a Redis server with the users of tests, and yield the URL of `testing` for index 1.

    The user `default` has the same password; it can access keys that `testing` cannot.
    """
    port, password = free_ports(1)[0], "redis_password"
    rules = (CHECKOUT / "docker/redis-users.conf").read_text(encoding="ascii").splitlines()
    users = [f"{line} >{password}" for line in rules if line.startswith("user testing ")]
    with temporary_folder(account) as folder:
        users.append(f"user default on ~* +@all >{password}")
        configuration = folder / "redis.conf"
        configuration.write_text("\n".join(["bind 127.0.0.1", f"port {port}", 'save ""', *users, ""]))
        with running_server([str(binaries.valkey_server), str(configuration)], account, folder):
            wait_until(lambda: _listens(port), "Redis listens")
            yield f"redis://testing:{password}@127.0.0.1:{port}/1"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
