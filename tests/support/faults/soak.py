"""Random sequences of verbs on one project; a model predicts each exit code and the state of development.

The sequences do not come from a state machine of Hypothesis, which expects a fresh project for each sequence. Shrinking
would also take too long, since each verb takes seconds.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.support.projects.checksum import Checksum, take_checksum
from tests.support.projects.project import ThrowawayProject

_STEPS: Final = 10
_MIN_VERBS: Final = 4
_DONE, _FAILED, _MISUSED, _REFUSED = range(4)
_NAMES: Final = ("a", "b")
# Each statement changes development in every state, because its number is unique.
_CHANGES: Final = (
    "INSERT INTO users (email, password_hash) VALUES ('soak-{}@example.com', 'x')",
    "UPDATE users SET password_hash = 'x{}' WHERE email = 'ada@example.com'",
    # `up` restores the providers of the release, but keeps a provider that the developer added.
    (
        'INSERT INTO providers (key, name, description, website, "authorization") '
        "VALUES ('soak_{}', 'Own', 'Made by hand', 'https://example.com', 'none')"
    ),
    "CREATE TABLE soak_{} AS SELECT * FROM providers",
    "CREATE SEQUENCE soak_{} START 7; SELECT nextval('soak_{}')",
    "COMMENT ON TABLE users IS 'said {} times'",
    "SELECT lo_from_bytea({}, 'kept')",
)


@dataclass
class World:
    """The state that outlives a sequence: the project, the contents of development, and the counts."""

    project: ThrowawayProject
    development: Checksum
    sequences: int = 0
    steps: int = 0
    history: list[str] = field(default_factory=list)
    """Every verb of this sequence, with its exit code and its output."""


class Sequence:
    """Ten random verbs; before the first, nothing is running and no snapshot exists."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._chance = random.Random(number)
        self._mode: str | None = None
        self._snapshots: dict[str, Checksum] = {}
        world.sequences += 1
        world.history = [f"--seed {number} --rounds 1 repeats this sequence"]

    def run(self) -> None:
        """Remove what the previous sequence left, and run this one.

        A sequence draws from only some of the verbs, so that the same verbs follow each other more often.
        """
        self._forget_the_last()
        verbs = (
            *(self._up, self._restart, self._down, self._test_setup, self._run_tests, self._test_clean),
            *(self._migrate, self._look, self._execute, self._misuse, self._change),
            *(self._take_snapshot, self._restore, self._drop_snapshot, self._list_snapshots),
        )
        some = self._chance.sample(verbs, self._chance.randint(_MIN_VERBS, len(verbs)))
        for _ in range(_STEPS - 1):
            self._chance.choice(some)()
        self._chance.choice([*some, self._test_all])()
        seen = self._world.project.status()["mode"]
        assert seen == self._mode, f"mode {seen}, expected {self._mode}\n{self._story()}"

    def _forget_the_last(self) -> None:
        project = self._world.project
        if project.status()["mode"] == "testing":
            project.done("down")
        project.done("up")
        for entry in json.loads(project.done("db.snapshots", "--json")):
            project.done("db.drop-snapshot", entry["name"])
        self._mode = "development"
        self._compare()
        project.done("down")
        self._mode = None

    def _up(self) -> None:
        self._starts("up")

    def _restart(self) -> None:
        component = self._chance.choice(["", "postgres", "redis", "app", "callback", "refresher"])
        self._starts(f"restart --component {component}" if component else "restart")

    def _starts(self, verb: str) -> None:
        if self._mode != "testing":
            self._run(verb, _DONE, "development")
        else:
            self._run(verb, _REFUSED)

    def _down(self) -> None:
        self._run("down", _DONE, None)

    def _test_setup(self) -> None:
        self._run("test.setup", _DONE, "testing")

    def _run_tests(self) -> None:
        verb = self._chance.choice(["test.unit", "test.integration"])
        self._run(verb, _DONE if self._mode == "testing" else _FAILED)

    def _test_clean(self) -> None:
        self._run("test.clean", _DONE, "development" if self._mode == "development" else None)

    def _test_all(self) -> None:
        self._run("test", _DONE, "development" if self._mode == "development" else None)

    def _migrate(self) -> None:
        verb = self._chance.choice(["db.migrate", "db.history", "db.migration --name nothing"])
        self._run(verb, self._needs_development())

    def _look(self) -> None:
        verbs = ["status", "logs --tail 3", "doctor", "test.acceptance --options=--version"]
        self._run(self._chance.choice(verbs), _DONE)

    def _execute(self) -> None:
        component, code = self._chance.choice(["app", "postgres"]), self._chance.choice([0, 5])
        self._run(f"exec {component} -- sh -c|exit {code}", code if self._mode else _FAILED)

    def _misuse(self) -> None:
        verbs = ["up --engine podman", "exec mysql -- true", "logs --tail -1", "db.snapshot --name /"]
        self._run(self._chance.choice(verbs), _MISUSED)

    def _change(self) -> None:
        """Write to the running database, which is that of development only while development runs."""
        sql = self._chance.choice(_CHANGES).format(*[self._world.steps + 1000] * 2)
        if self._mode != "development":  # the test database may or may not have what the statement needs
            self._run(f"db.shell -- -c|{sql}", _FAILED if self._mode is None else None)
            return
        self._run(f"db.shell -- -c|{sql}", _DONE, becomes=lambda: take_checksum(self._world.project))

    def _take_snapshot(self) -> None:
        name = self._chance.choice(_NAMES)
        code = self._needs_development() or (_REFUSED if name in self._snapshots else _DONE)
        self._run(f"db.snapshot --name {name}", code)
        if code == _DONE:
            self._snapshots[name] = self._world.development

    def _restore(self) -> None:
        name, named = self._chance.choice(_NAMES), self._chance.choice([False, True])
        verb = f"db.restore {name}" + (" --replace dashtam" if named else "")
        code = _FAILED if self._mode is None else _DONE if name in self._snapshots else _MISUSED
        if code == _DONE and (self._mode == "testing" or not named):
            code = _REFUSED
        self._run(verb, code, becomes=(lambda: self._snapshots[name]) if code == _DONE else None)

    def _drop_snapshot(self) -> None:
        name = self._chance.choice(_NAMES)
        code = _FAILED if self._mode is None else _DONE if name in self._snapshots else _MISUSED
        self._run(f"db.drop-snapshot {name}", code)
        if code == _DONE:
            del self._snapshots[name]

    def _list_snapshots(self) -> None:
        self._run("db.snapshots", _DONE if self._mode else _FAILED)
        if self._mode:
            assert all(name in self._world.history[-1] for name in self._snapshots), self._story()

    def _needs_development(self) -> int:
        return {"development": _DONE, "testing": _REFUSED, None: _FAILED}[self._mode]

    def _run(
        self,
        verb: str,
        code: int | None,
        mode: str | None = "the same",
        *,
        becomes: Callable[[], Checksum] | None = None,
    ) -> None:
        """Run a verb, and compare everything with the model; text after a bar is one argument with blanks."""
        words, bar, last = verb.partition("|")
        result = self._world.project.invoke(*words.split(), *([last] if bar else []))
        self._world.steps += 1
        self._world.history.append(f"invoke {verb} -> {result.code}\n{result.output}")
        assert code in (None, result.code), f"ended with {result.code}, expected {code}\n{self._story()}"
        assert "Traceback (most" not in result.output, self._story()
        if mode != "the same":
            self._mode = mode
        if becomes is not None:
            self._world.development = becomes()
        self._compare()

    def _compare(self) -> None:
        if self._mode is not None:
            differences = self._world.development.differences(take_checksum(self._world.project))
            assert not differences, "\n".join(["development changed:", *differences, self._story()])

    def _story(self) -> str:
        return "\n".join(self._world.history)


def soak(project: ThrowawayProject, rounds: int, seed: int) -> World:
    """Run `rounds` sequences.

    Raises:
        AssertionError: an exit code or the state of development differs from the model; lists the whole sequence.
    """
    world = World(project, take_checksum(project))
    for number in range(seed, seed + rounds):
        Sequence(world, number).run()
        print(f"sequence {number} of {seed + rounds - 1}: {world.steps} steps so far", flush=True)  # noqa: T201
    return world
