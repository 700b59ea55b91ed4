"""A workshop tries mutants: a copy of the checkout, its own servers, and a pytest that is forked after its imports."""

import gc
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

from dashtam.devenv.engines.embedded.account import Account
from dashtam.devenv.engines.embedded.binaries import Binaries
from tests.mutation import fence
from tests.mutation.mutants import Mutant
from tests.mutation.order import Order
from tests.mutation.targets import Target
from tests.support.checkout import CHECKOUT
from tests.support.servers.clusters import Cluster, start_cluster, start_redis
from tests.support.servers.servers import REMOVE, RESTORE, SERVERS, describe, prepare

_COPIED: Final = (
    *("dashtam", "migrations", "docker", "tests", "docs"),
    *("tasks.py", "pyproject.toml", "constraints.txt", "README.md", "CONTRIBUTING.md"),
    *("docker-compose.yml", "docker-compose.test.yml", ".env.example", ".env.test", ".dockerignore"),
)
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", ".*_cache")
_OPTIONS: Final = ("-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=line", "-o", "addopts=")
# Plugins by name, because pytest warns about plugins that were imported before it.
_MORE_OPTIONS: Final = (
    *("-p", "pytest_asyncio.plugin", "-p", "_hypothesis_pytestplugin"),
    *("--import-mode=importlib", "--strict-markers"),
)
_OURS: Final = ("dashtam", "tests", "migrations", "tasks")
_PAUSE_SECONDS: Final = 0.005
_FEWEST_SECONDS: Final = 45.0  # some tests wait half a minute for what must not happen
_MEASURE_SECONDS: Final = 300.0
_TIMES_AS_LONG: Final = 8


class Outcome(StrEnum):
    """The outcome of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    HUNG = "hung"
    """A test did not end within its time limit, nor in a second run with a longer limit."""


class Workshop:
    """One copy of the checkout, and the servers of its tests; it tries mutants one after another."""

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
        self._seconds: dict[tuple[str, ...], float] = {}  # keyed by tests, which several targets may share
        self._clock = int(time.time())

    @contextmanager
    def opened(self) -> Iterator["Workshop"]:
        """Create the copy, start the servers, and stop them at the end of the context."""
        fence.separate_network()
        self._lay_out()
        _warm_up()
        self._start_servers()
        try:
            yield self
        finally:
            self._servers.close()

    def try_mutant(self, target: Target, mutant: Mutant) -> Outcome:
        """Run a target's tests with a mutant in the copy, then restore the copy and the servers.

        Raises:
            RuntimeError: the tests fail without a mutant.
        """
        if target.tests not in self._seconds:
            self._seconds[target.tests] = self._measure(target)
        path = self._tree / mutant.file
        original = path.read_text(encoding="utf-8")
        self._write(path, mutant.text)
        try:
            return self._test(target, self._seconds[target.tests])
        finally:
            self._write(path, original)
            if target.servers:
                self._repair_servers()

    def _measure(self, target: Target) -> float:
        """Run the tests once without a mutant: they must pass, and their duration sets the time limit."""
        learned = self._learned(target)
        if not learned.exists() and self._run(target, _MEASURE_SECONDS) != 0:
            raise RuntimeError(f"{' '.join(target.tests)} fails without any mutant:\n{self.last_words}")
        longest = max(Order(learned, self._folder / "progress").seconds.values(), default=0.0)
        return max(_FEWEST_SECONDS, _TIMES_AS_LONG * longest)

    def look_again(self, target: Target) -> None:
        """Run the tests that killed mutants again without one, to exclude that leftovers killed them.

        Raises:
            RuntimeError: the tests fail.
        """
        if self._run(target, self._seconds[target.tests], again=True) != 0:
            raise RuntimeError(f"after its mutants, {target.file} fails without any:\n{self.last_words}")

    def _test(self, target: Target, seconds: float) -> Outcome:
        code = self._run(target, seconds)
        if code is None and self._run(target, 4 * seconds) is None:
            return Outcome.HUNG
        return Outcome.SURVIVED if code == 0 else Outcome.KILLED

    def _learned(self, target: Target) -> Path:
        """Return the file of what `Order` has learned about the tests, which all workshops share."""
        return self._folder.parent / f"{'+'.join(Path(test).stem for test in target.tests)}.json"

    @property
    def last_words(self) -> str:
        """The last lines of pytest's output."""
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
        """Write a file with a unique modification time, because Python's bytecode cache compares time and size."""
        path.write_text(text, encoding="utf-8")
        self._clock += 2
        os.utime(path, (self._clock, self._clock))

    def _start_servers(self) -> None:
        """Start the cluster of the tests, and two more for the tests that change servers."""
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
        """Return the state that must be the same after every mutant."""
        own, *others = self._witness
        seen = [own.ask(_OWN_STATE)]
        seen += [own.ask(_ROWS, database=name) for name in ("dashtam", "dashtam_test")]
        for other in others:
            seen += [other.ask(_KEPT_STATE)]
            seen += [other.ask(_ROWS, database=name) for name in ("kept_development", "kept_testing")]
        return seen

    def _repair_servers(self) -> None:
        """Restore what a mutant changed; if that does not suffice, start new servers."""
        if self._intact():
            return
        with suppress(AssertionError):
            for other in self._witness[1:]:
                other.ask(REMOVE + RESTORE)
        if not self._intact():
            self._servers.close()
            self._start_servers()

    def _intact(self) -> bool:
        try:
            return self._look() == self._expected
        except AssertionError:
            return False

    def _run(self, target: Target, seconds: float, *, again: bool = False) -> int | None:
        """Return pytest's exit code, or None if a test did not end in time."""
        learned, begun = self._learned(target), self._folder / "progress"
        begun.touch()
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            order = Order(learned, begun, again=again)
            fence.run_among_own_processes(lambda: self._become_pytest(target.tests, order))
        while time.time() < begun.stat().st_mtime + seconds:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                _end_group(child)
                return os.waitstatus_to_exitcode(status)
            time.sleep(_PAUSE_SECONDS)
        _end_group(child)
        os.waitpid(child, 0)
        return None

    def _become_pytest(self, tests: Sequence[str], order: Order) -> int:
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
            code = _run_pytest(tests, self._tree, order)
        except BaseException:  # noqa: BLE001 - the process ends after any error
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
    """Import what every pytest run imports, and exclude it from garbage collection in the forked processes."""
    import dashtam.app
    import dashtam.devenv.engines.compose.engine
    import dashtam.devenv.engines.embedded.engine  # noqa: F401

    gc.collect()
    gc.freeze()


def _forget_ours(tree: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]
    sys.path[:] = [str(tree), *(entry for entry in sys.path if entry not in {"", str(CHECKOUT)})]


def _run_pytest(tests: Sequence[str], tree: Path, order: Order) -> int:
    import dashtam

    if not Path(str(dashtam.__file__)).is_relative_to(tree):
        raise RuntimeError(f"dashtam comes from {dashtam.__file__}; expected {tree}")
    import pytest

    return int(pytest.main([*_OPTIONS, *_MORE_OPTIONS, *tests], plugins=[order]))


def _end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the shell's variables that the run itself gets."""
    return {name: environment[name] for name in ("PATH", "LANG", "TERM") if name in environment}
