"""The mutation run makes the mistakes that matter: a guard left out, turned round, or decided once and for all."""

import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.support.checkout import CHECKOUT

pytest.importorskip("mutmut", reason="mutants are made where the extra dev is installed")

from tests.mutation.equivalents import find_stale, read_equivalents
from tests.mutation.mutants import Mutant
from tests.mutation.order import Order
from tests.mutation.python import python_mutants
from tests.mutation.shares import Shares
from tests.mutation.shell import shell_mutants
from tests.mutation.sql import sql_mutants
from tests.mutation.targets import TARGETS, Target

GUARD = """
def refuse(seen: int, lock: object) -> None:
    with lock:
        if seen == 0 or seen is None:
            raise ValueError("seen")
        act(seen)
"""
QUERY = """SELECT 'one' FROM a WHERE x = 1 AND y
UNION ALL
SELECT 'two' FROM b WHERE z <> 2;
"""


SCRIPT = """set -eu
# exit 1
case $1 in
    take | drop) ;;
    *) exit 2 ;;
esac
if [ -n "$2" ]; then
    exit 3
fi
"""
PSQL = """\\ir begin.psql
SELECT count(*) > 0 AS refused FROM (
    SELECT 1 WHERE x = ';'
    UNION ALL
    SELECT 2 WHERE y) AS found \\gset
\\if :refused
    \\quit
\\endif
DROP DATABASE one;
"""


def changes(text: str, *, thorough: bool) -> list[str]:
    return [f"{one.before} -> {one.after}" for one in python_mutants("file", text, thorough=thorough)]


@pytest.mark.parametrize(
    "change",
    [
        'raise ValueError("seen") -> pass',
        "act(seen) -> pass",
        "if seen == 0 or seen is None: -> if (seen == 0):",
        "if seen == 0 or seen is None: -> if (seen is None):",
        "if seen == 0 or seen is None: -> if seen == 0 and seen is None:",
        "if seen == 0 or seen is None: -> if seen != 0 or seen is None:",
        "if seen == 0 or seen is None: -> if (seen == 0 or seen is None) and False:",
        "with lock: -> if True:",
    ],
)
def test_a_guard_is_taken_away_in_every_way(change: str) -> None:
    assert change in changes(GUARD, thorough=False)


def test_what_is_not_a_target_stays() -> None:
    text = f"LIMIT = 1\nMOST = 2\n{GUARD}\nclass A:\n    def other(self) -> None:\n        act(1)\n"
    found = python_mutants("file", text, frozenset({"other", "MOST"}))
    assert {mutant.line for mutant in found} == {2, text.count("\n")}


def test_a_mutant_compiles_and_differs() -> None:
    for mutant in python_mutants("file", GUARD):
        compile(mutant.text, "file", "exec")
        assert mutant.text != GUARD


def test_sql_loses_clauses_and_refusals_and_has_comparisons_turned_round() -> None:
    texts = [mutant.text for mutant in sql_mutants("file", QUERY)]
    assert QUERY.replace("x = 1", "x <> 1") in texts
    assert QUERY.replace("z <> 2", "z = 2") in texts
    assert QUERY.replace(" AND y", " ") in texts
    assert "SELECT 'two' FROM b WHERE z <> 2;\n" in texts
    assert "SELECT 'one' FROM a WHERE x = 1 AND y;\n" in texts


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\\ir begin.psql\n", ""),
        ("    SELECT 1 WHERE x = ';'\n    UNION ALL\n", ""),
        ("\n    UNION ALL\n    SELECT 2 WHERE y)", ")"),
        ("\\if :refused", "\\if true"),
        ("\\if :refused", "\\if false"),
        ("    \\quit\n", ""),
        ("DROP DATABASE one;", ""),
    ],
)
def test_psql_loses_refusals_commands_and_statements_and_has_conditions_decided(old: str, new: str) -> None:
    assert PSQL.replace(old, new) in [mutant.text for mutant in sql_mutants("file", PSQL)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("set -eu", ":"),
        ("take | drop)", "drop)"),
        ("take | drop)", "take)"),
        ("*) exit", "'never said') exit"),
        ("exit 2", ":"),
        ('[ -n "$2" ]', "true"),
        ('[ -n "$2" ]', "false"),
        (" -n ", " -z "),
        ("exit 3", ":"),
    ],
)
def test_a_shell_script_loses_refusals_and_patterns_and_has_conditions_decided(old: str, new: str) -> None:
    texts = [mutant.text for mutant in shell_mutants("file", SCRIPT)]
    assert SCRIPT.replace(old, new) in texts
    assert all("# exit 1" in text for text in texts)


def test_every_mutant_is_tried_once_and_whoever_has_none_left_helps_where_it_is_worth_it() -> None:
    targets = [Target("long", ()), Target("short", ())]

    def make(target: Target) -> list[Mutant]:
        lines = range(9 if target.file == "long" else 1)
        return [Mutant(target.file, line, "", "", "") for line in lines]

    shares = Shares(multiprocessing.get_context("fork"), targets, make)
    first, second = shares.take(None), shares.take(None)
    assert first is not None
    assert second is not None
    assert [first[0].file, second[0].file] == ["long", "short"]
    helped = shares.take(second[0])
    assert helped is not None
    assert helped[0].file == "long"
    found = [first[1], second[1], helped[1]]
    while (share := shares.take(targets[0])) is not None:
        found.append(share[1])
    assert sorted((one.file, one.line) for one in found) == [*(("long", n) for n in range(9)), ("short", 0)]


@dataclass(frozen=True)
class Named:
    """All that the order knows of a test."""

    nodeid: str


def arranged(order: Order, names: Sequence[str]) -> list[str]:
    items = cast("list[pytest.Item]", [Named(name) for name in names])
    order.pytest_collection_modifyitems(items)
    return [item.nodeid for item in items]


def test_what_noticed_comes_first_and_then_what_costs_least(tmp_path: Path) -> None:
    names = ["slow", "quick", "noticing"]
    learned, progress = tmp_path / "learned.json", tmp_path / "progress"
    assert arranged(Order(learned, progress), names) == names
    learned.write_text(json.dumps({"seconds": {"slow": 2.0, "quick": 0.1, "noticing": 0.2}}))
    order = Order(learned, progress)
    assert arranged(order, names) == ["quick", "noticing", "slow"]
    location = ("file", 1, "noticing")
    order.pytest_runtest_logreport(pytest.TestReport("noticing", location, {}, "failed", None, "call"))
    order.pytest_sessionfinish()
    assert arranged(Order(learned, progress), names) == ["noticing", "quick", "slow"]
    assert arranged(Order(learned, progress, again=True), names) == ["noticing"]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.file)
def test_every_target_and_each_of_its_tests_exists(target: object) -> None:
    (found,) = [one for one in TARGETS if one is target]
    text = (CHECKOUT / found.file).read_text(encoding="utf-8")
    for name in found.only:
        spelled = (f"def {name}(", f"class {name}(", f"class {name}:", f"\n{name}: Final")
        assert any(word in text for word in spelled)
    for test in found.tests:
        path, _, function = test.partition("::")
        assert f"def {function}" in (CHECKOUT / path).read_text(encoding="utf-8")


def test_an_explained_survivor_that_is_none_any_more_is_told() -> None:
    listed = {"a.py: x -> y": "why", "b.py: x -> y": "why"}
    assert find_stale(listed, [], ["a.py"]) == ["a.py: x -> y"]


def test_every_explained_survivor_says_why() -> None:
    assert all(why.strip() for why in read_equivalents().values())
