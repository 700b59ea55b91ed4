"""The mutation run makes the mistakes that matter: a guard left out, turned round, or decided once and for all."""

from pathlib import Path

import pytest

pytest.importorskip("mutmut", reason="mutants are made where the extra dev is installed")

from tests.mutation.equivalents import find_stale, read_equivalents
from tests.mutation.mutants import python_mutants
from tests.mutation.sql import sql_mutants
from tests.mutation.targets import TARGETS

CHECKOUT = Path(__file__).parents[3]
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
    assert "SELECT 'one' FROM a WHERE x = 1 AND y" in texts


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.file)
def test_every_target_and_each_of_its_tests_exists(target: object) -> None:
    (found,) = [one for one in TARGETS if one is target]
    text = (CHECKOUT / found.file).read_text(encoding="utf-8")
    for name in found.only:
        assert any(f"{word}" in text for word in (f"def {name}(", f"class {name}(", f"\n{name}: Final"))
    for path in found.tests:
        assert (CHECKOUT / path).is_file()


def test_an_explained_survivor_that_is_none_any_more_is_told() -> None:
    listed = {"a.py: x -> y": "why", "b.py: x -> y": "why"}
    assert find_stale(listed, [], ["a.py"]) == ["a.py: x -> y"]


def test_every_explained_survivor_says_why() -> None:
    assert all(why.strip() for why in read_equivalents().values())
