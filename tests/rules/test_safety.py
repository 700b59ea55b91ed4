"""docs/safety.md names every hazard once, with guards and tests that are really there."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

CHECKOUT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = CHECKOUT / "docs" / "safety.md"
MOST: Final = 45
# Number and reason of each hazard that no test can show.
UNTESTED: Final[dict[int, str]] = {}
_HAZARD: Final = re.compile(r"^### H(\d+)\. (\S.*)$", re.MULTILINE)
_PLACE: Final = re.compile(r"^- `([^`]+?)::([^`]+)`$", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """Something in a file: of Python a name, dotted inside a class; of any other file words that stand in it."""

    file: str
    name: str

    def __str__(self) -> str:
        return f"{self.file}::{self.name}"

    @property
    def exists(self) -> bool:
        """It is really there; a comment does not count."""
        path = CHECKOUT / self.file
        if not path.is_file():
            return False
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            return self.name in set(defined_names(ast.parse(text)))
        marks = "--" if path.suffix == ".psql" else "#"
        return any(self.name in line for line in text.splitlines() if not line.lstrip().startswith(marks))

    @property
    def is_test(self) -> bool:
        """pytest collects it."""
        name = Path(self.file).name
        return self.file.startswith("tests/") and name.startswith("test_") and self.name.startswith("test_")


@dataclass(frozen=True)
class Hazard:
    """One section of the document."""

    number: int
    title: str
    guards: list[Place]
    tests: list[Place]


def defined_names(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    """The functions, classes and constants of a module, and what stands in its classes, dotted."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from defined_names(node, f"{prefix}{node.name}.")
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))


def read_hazards() -> list[Hazard]:
    """The sections, in the order in which they stand."""
    _, *parts = _HAZARD.split(DOCUMENT.read_text(encoding="utf-8"))
    return [
        Hazard(int(number), title, read_places(text, "Guards"), read_places(text, "Tests"))
        for number, title, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]


def read_places(text: str, heading: str) -> list[Place]:
    """What is listed below a heading."""
    below = text.partition(f"\n{heading}:\n")[2].lstrip("\n").partition("\n\n")[0]
    return [Place(file, name) for file, name in _PLACE.findall(below)]


HAZARDS: Final = read_hazards()


def numbered(hazard: Hazard) -> str:
    return f"H{hazard.number}"


def test_every_hazard_stands_there_once_and_in_order() -> None:
    assert [hazard.number for hazard in HAZARDS] == list(range(1, MOST + 1))
    assert len({hazard.title for hazard in HAZARDS}) == MOST


@pytest.mark.parametrize("hazard", HAZARDS, ids=numbered)
def test_every_guard_that_is_named_is_there(hazard: Hazard) -> None:
    assert hazard.guards
    assert [str(guard) for guard in hazard.guards if not guard.exists] == []


@pytest.mark.parametrize("hazard", HAZARDS, ids=numbered)
def test_every_hazard_has_a_test_that_is_there_or_a_reason_why_not(hazard: Hazard) -> None:
    assert [str(test) for test in hazard.tests if not test.is_test or not test.exists] == []
    assert bool(hazard.tests) is not bool(UNTESTED.get(hazard.number))


def test_every_place_that_the_document_names_was_looked_at() -> None:
    """A list under a misspelled heading would be passed over in silence."""
    listed = len(re.findall(r"^- .*::", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == sum(len(hazard.guards) + len(hazard.tests) for hazard in HAZARDS)
