"""Where mutants are tried: a copy of the checkout and servers of its own, in which a forked pytest runs warm."""

import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from dashtam.devenv.embedded.account import Account
from dashtam.devenv.embedded.binaries import Binaries
from tests.mutation import fence
from tests.support.clusters import CHECKOUT, Cluster, start_cluster, start_redis
from tests.support.servers import SERVERS, describe, prepare

_COPIED: Final = (
    *("dashtam", "migrations", "docker", "tests", "docs"),
    *("tasks.py", "pyproject.toml", "constraints.txt", "README.md", "CONTRIBUTING.md"),
    *("docker-compose.yml", "docker-compose.test.yml", ".env.example", ".env.test", ".dockerignore"),
)
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", ".*_cache")
_OPTIONS: Final = ("-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=line", "-o", "addopts=")
# Plugins by name: pytest would warn of the ones that were imported before it.
_MORE_OPTIONS: Final = (
    *("-p", "pytest_asyncio.plugin", "-p", "_hypothesis_pytestplugin"),
    *("--import-mode=importlib", "--strict-markers"),
)
_OURS: Final = ("dashtam", "tests", "migrations", "tasks")
_PAUSE_SECONDS: Final = 0.005


class Outcome(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    HUNG = "hung"
    """No test ended within its time, and again not within several times as much."""


class Workshop:
    """One copy of the checkout and what its tests need; mutants are tried one after the other."""

    def __init__(
        self, folder: Path, programs: tuple[Binaries, Account | None], *, takes_servers_apart: bool
    ) -> None:
        self._folder = folder
        self._takes_servers_apart = takes_servers_apart
        self._programs = programs
        self._tree = folder / "tree"
        self._servers = ExitStack()
        self._environment: dict[str, str] = {}
        self._witness: tuple[Cluster, ...] = ()
        self._expected: list[str] = []
        self._clock = int(time.time())

    @contextmanager
    def opened(self) -> Iterator["Workshop"]:
        """Lay out the copy, start the servers, and end them afterwards."""
        fence.separate_network()
        self._lay_out()
        _warm_up()
        self._start_servers()
        try:
            yield self
        finally:
            self._servers.close()

    def read(self, file: str) -> str:
        """The text of a file as it is in the checkout."""
        return (CHECKOUT / file).read_text(encoding="utf-8")

    def test(self, tests: Sequence[str], *, seconds: float) -> Outcome:
        """Run tests on the copy as it is now."""
        code = self._run(tests, seconds)
        if code is None and self._run(tests, 4 * seconds) is None:
            return Outcome.HUNG
        return Outcome.SURVIVED if code == 0 else Outcome.KILLED

    def try_mutant(
        self, file: str, text: str, tests: Sequence[str], *, seconds: float, mend: bool
    ) -> Outcome:
        """Run tests on the copy with another text in one of its files; copy and servers are mended afterwards."""
        path = self._tree / file
        original = path.read_text(encoding="utf-8")
        self._write(path, text)
        try:
            return self.test(tests, seconds=seconds)
        finally:
            self._write(path, original)
            if mend:
                self._mend_servers()

    @property
    def last_words(self) -> str:
        """What pytest said last."""
        return (self._folder / "output").read_text(encoding="utf-8", errors="replace")

    def _lay_out(self) -> None:
        for name in _COPIED:
            source, target = CHECKOUT / name, self._tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=_LEFT_OUT)
            elif source.exists():
                shutil.copy(source, target)
        for name in ("tmp", "home"):
            (self._folder / name).mkdir()
            (self._folder / name).chmod(0o711)

    def _write(self, path: Path, text: str) -> None:
        """Write a file with a time of its own: Python tells by time and size whether what it compiled is stale."""
        path.write_text(text, encoding="utf-8")
        self._clock += 2
        os.utime(path, (self._clock, self._clock))

    def _start_servers(self) -> None:
        """The cluster that the tests run on, and two that some of them take apart."""
        redis = self._servers.enter_context(start_redis(*self._programs))
        own = self._start_cluster(redis)
        prepare(own)
        described = {}
        self._witness = (own,)
        if self._takes_servers_apart:
            broken, empty = self._start_cluster(redis), self._start_cluster(redis)
            prepare(broken, keep=True)
            described = {"server": describe(broken), "empty": describe(empty)}
            self._witness = (own, broken)
        self._environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self._folder / "home"),
            "TMPDIR": str(self._folder / "tmp"),
            "LC_ALL": "C.UTF-8",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "COMPOSE_PROJECT_NAME": f"dashtam-mutant-{os.getpid()}",
            "DASHTAM_HOME": str(self._folder / "home"),
            SERVERS: json.dumps(described),
            **{k: v for k, v in own.environment("testing").items() if k != "PATH"},
            "DASHTAM_ENV_FILE": str(self._tree / ".env.test"),
        }
        self._expected = self._look()

    def _start_cluster(self, redis_url: str) -> Cluster:
        return self._servers.enter_context(start_cluster(*self._programs, redis_url=redis_url))

    def _look(self) -> list[str]:
        """What must be as before after every mutant."""
        own, *others = self._witness
        seen = [own.ask(_OWN_STATE)]
        seen += [own.ask(_ROWS, database=name) for name in ("dashtam", "dashtam_test")]
        for other in others:
            seen += [other.ask(_KEPT_STATE)]
            seen += [other.ask(_ROWS, database=name) for name in ("kept_development", "kept_testing")]
        return seen

    def _mend_servers(self) -> None:
        """Start the servers anew where a mutant left them otherwise than it found them."""
        try:
            intact = self._look() == self._expected
        except AssertionError:
            intact = False
        if not intact:
            self._servers.close()
            self._start_servers()

    def _run(self, tests: Sequence[str], seconds: float) -> int | None:
        """pytest's exit code, or None where it did not end in time."""
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            fence.run_among_own_processes(lambda: self._become_pytest(tests))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                _end_group(child)
                return os.waitstatus_to_exitcode(status)
            time.sleep(_PAUSE_SECONDS)
        _end_group(child)
        os.waitpid(child, 0)
        return None

    def _become_pytest(self, tests: Sequence[str]) -> int:
        code = 70
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            output = os.open(self._folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(output, stream)
            os.chdir(self._tree)
            sys.dont_write_bytecode = False
            os.environ.clear()
            os.environ.update(self._environment)
            _forget_ours(self._tree)
            code = _run_pytest(tests, self._tree)
        except BaseException:  # noqa: BLE001 - the process ends here, whatever it was
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return code


_OWN_STATE: Final = """
SELECT datname, datistemplate, datdba::regrole, shobj_description(oid, 'pg_database') FROM pg_database ORDER BY 1;
SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles ORDER BY 1;
SELECT setdatabase, setrole::regrole, setconfig FROM pg_db_role_setting WHERE setrole <> 0 ORDER BY 1, 2;
SELECT name, setting FROM pg_file_settings WHERE sourcefile ~ 'auto.conf$' ORDER BY 1
"""
_KEPT_STATE: Final = """
SELECT datname, datistemplate, datdba::regrole FROM pg_database WHERE datname !~ '^dashtam' ORDER BY 1;
SELECT rolname, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles ORDER BY 1;
SELECT setdatabase, setrole::regrole, setconfig FROM pg_db_role_setting WHERE setrole <> 0 ORDER BY 1, 2
"""
_ROWS: Final = "SELECT count(*), string_agg(email, ',' ORDER BY email) FROM users"


def _warm_up() -> None:
    """Import once what every pytest imports, and forget what the mutants are made of."""
    import dashtam.app
    import dashtam.database.verification
    import dashtam.devenv.compose.engine
    import dashtam.devenv.embedded.engine  # noqa: F401


def _forget_ours(tree: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]
    sys.path[:] = [str(tree), *(entry for entry in sys.path if entry not in {"", str(CHECKOUT)})]


def _run_pytest(tests: Sequence[str], tree: Path) -> int:
    import dashtam

    if not Path(str(dashtam.__file__)).is_relative_to(tree):
        raise RuntimeError(f"dashtam comes from {dashtam.__file__}; expected {tree}")
    import pytest

    return int(pytest.main([*_OPTIONS, *_MORE_OPTIONS, *tests]))


def _end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What the run itself gets of the shell."""
    return {name: environment[name] for name in ("PATH", "LANG", "TERM") if name in environment}
