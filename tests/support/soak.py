"""Random sequences of verbs on one project, with a model that knows how each must end and what development then is."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.support.checksum import Checksum, take_checksum
from tests.support.project import ThrowawayProject

_STEPS: Final = 10
_DONE, _FAILED, _MISUSED, _REFUSED = range(4)
_NAMES: Final = st.sampled_from(["a", "b"])
_COMPONENTS: Final = st.sampled_from(["", "postgres", "redis", "app", "callback"])
# Each of them changes development wherever it was before; the number makes it so.
_CHANGES: Final = st.sampled_from(
    [
        "INSERT INTO users (email, password_hash) VALUES ('soak-{}@example.com', 'x')",
        "UPDATE users SET password_hash = 'x{}' WHERE email = 'ada@example.com'",
        "UPDATE providers SET description = 'described {} times'",
        "CREATE TABLE soak_{} AS SELECT * FROM providers",
        "CREATE SEQUENCE soak_{} START 7; SELECT nextval('soak_{}')",
        "COMMENT ON TABLE users IS 'said {} times'",
        "SELECT lo_from_bytea({}, 'kept')",
    ]
)


@dataclass
class World:
    """What outlives a sequence: the project, what its development is, and how much was done."""

    project: ThrowawayProject
    development: Checksum
    sequences: int = 0
    steps: int = 0
    told: list[str] = field(default_factory=list)
    """Every verb of this sequence, with its exit code and what it said."""


class Soak(RuleBasedStateMachine):
    """One sequence, which begins with nothing running and without a snapshot."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.mode: str | None = None
        self.sound = True
        self.snapshots: dict[str, Checksum] = {}
        self.world.sequences += 1
        self.world.told = [f"sequence {self.world.sequences}"]
        self._forget_the_last()

    def _forget_the_last(self) -> None:
        project = self.world.project
        if project.status()["mode"] == "testing":
            project.done("down")
        project.done("up")
        for entry in json.loads(project.done("db.snapshots", "--json")):
            project.done("db.drop-snapshot", entry["name"])
        self.mode = "development"
        self._compare()
        project.done("down")
        self.mode = None

    @rule()
    def up(self) -> None:
        self._starts("up")

    @rule(component=_COMPONENTS)
    def restart(self, component: str) -> None:
        self._starts(f"restart --component {component}" if component else "restart")

    def _starts(self, verb: str) -> None:
        if self.mode != "testing":
            self._run(verb, _DONE, "development")
        else:
            self._run(verb, _REFUSED)

    @rule()
    def down(self) -> None:
        self._run("down", _DONE, None)

    @rule()
    def test_setup(self) -> None:
        self._run("test.setup", _DONE, "testing")

    @rule(verb=st.sampled_from(["test.unit", "test.integration"]))
    def run_tests(self, verb: str) -> None:
        self._run(verb, _DONE if self.mode == "testing" else _FAILED)

    @rule()
    def test_clean(self) -> None:
        self._run("test.clean", _DONE, "development" if self.mode == "development" else None)

    @precondition(
        lambda self: len(self.world.told) == _STEPS
    )  # it takes long, so once at most, as the last step
    @rule()
    def test_all(self) -> None:
        self._run("test", _DONE, "development" if self.mode == "development" else None)

    @rule(verb=st.sampled_from(["db.migrate", "db.history", "db.migration --name nothing"]))
    def migrations(self, verb: str) -> None:
        self._run(verb, self._needs_development())

    @rule(verb=st.sampled_from(["status", "logs --tail 3", "doctor", "test.acceptance --options=--version"]))
    def look(self, verb: str) -> None:
        self._run(verb, _DONE)

    @rule(component=st.sampled_from(["app", "postgres"]), code=st.sampled_from([0, 5]))
    def execute(self, component: str, code: int) -> None:
        self._run(f"exec {component} -- sh -c|exit {code}", code if self.mode else _FAILED)

    @rule(
        verb=st.sampled_from(
            ["up --engine podman", "exec mysql -- true", "logs --tail -1", "db.snapshot --name /"]
        )
    )
    def misuse(self, verb: str) -> None:
        self._run(verb, self._needs_development() or _MISUSED if "snapshot" in verb else _MISUSED)

    @rule(change=_CHANGES)
    def change(self, change: str) -> None:
        """Write to whatever runs: it is development's own only while development runs."""
        sql = change.format(*[self.world.steps + 1000] * 2)
        if self.mode != "development":  # the test database may or may not have what the statement needs
            self._run(f"db.shell -- -c|{sql}", _FAILED if self.mode is None else None)
            return
        self._run(f"db.shell -- -c|{sql}", _DONE, becomes=lambda: take_checksum(self.world.project))

    @rule(name=_NAMES)
    def snapshot(self, name: str) -> None:
        code = self._needs_development() or (_REFUSED if name in self.snapshots else _DONE)
        self._run(f"db.snapshot --name {name}", code)
        if code == _DONE:
            self.snapshots[name] = self.world.development

    @rule(name=_NAMES, named=st.booleans())
    def restore(self, name: str, named: bool) -> None:
        verb = f"db.restore {name}" + (" --replace dashtam" if named else "")
        code = _FAILED if self.mode is None else _DONE if name in self.snapshots else _MISUSED
        if code == _DONE and (self.mode == "testing" or not named):
            code = _REFUSED
        self._run(verb, code, becomes=(lambda: self.snapshots[name]) if code == _DONE else None)

    @rule(name=_NAMES)
    def drop_snapshot(self, name: str) -> None:
        code = _FAILED if self.mode is None else _DONE if name in self.snapshots else _MISUSED
        self._run(f"db.drop-snapshot {name}", code)
        if code == _DONE:
            del self.snapshots[name]

    @rule()
    def list_snapshots(self) -> None:
        self._run("db.snapshots", _DONE if self.mode else _FAILED)
        if self.mode:
            assert all(name in self.world.told[-1] for name in self.snapshots), self._story()

    def teardown(self) -> None:
        if not self.sound:  # that is told already
            return
        seen = self.world.project.status()["mode"]
        assert seen == self.mode, f"mode {seen}, expected {self.mode}\n{self._story()}"

    def _needs_development(self) -> int:
        return {"development": _DONE, "testing": _REFUSED, None: _FAILED}[self.mode]

    def _run(
        self,
        verb: str,
        code: int | None,
        mode: str | None = "the same",
        *,
        becomes: Callable[[], Checksum] | None = None,
    ) -> None:
        """Run a verb, whose last word may hold blanks behind a bar; then everything must be as the model says."""
        self.sound = False
        words, bar, last = verb.partition("|")
        answer = self.world.project.invoke(*words.split(), *([last] if bar else []))
        self.world.steps += 1
        self.world.told.append(f"invoke {verb} -> {answer.code}\n{answer.output}")
        assert code in (None, answer.code), f"ended with {answer.code}, expected {code}\n{self._story()}"
        assert "Traceback (most" not in answer.output, self._story()
        if mode != "the same":
            self.mode = mode
        if becomes is not None:
            self._become(becomes())
        self._compare()
        self.sound = True

    def _become(self, later: Checksum) -> None:
        self.world.development = later

    def _compare(self) -> None:
        if self.mode is not None:
            told = self.world.development.differences(take_checksum(self.world.project))
            assert not told, "\n".join(["development is not what it was:", *told, self._story()])

    def _story(self) -> str:
        return "\n".join(self.world.told)


def soak(project: ThrowawayProject, rounds: int, number: int, *, shrink: bool) -> World:
    """Run so many sequences, drawn by a number; a failure is told as the calls of one sequence, and all it said.

    Raises:
        AssertionError: a verb ended otherwise than the model says, or development is not what it was.
    """
    world = World(project, take_checksum(project))
    machine = seed(number)(type(Soak.__name__, (Soak,), {"world": world}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=rounds,
            stateful_step_count=_STEPS,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return world
