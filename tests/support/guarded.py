"""Reads the documents that name, for each danger, what stands against it and the tests that show it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.checkout import CHECKOUT

_SECTION: Final = re.compile(r"^### ([A-Z]\d+)\. (\S.*)$", re.MULTILINE)
_PLACE: Final = re.compile(r"^- `([^`]+?)::([^`]+)`$", re.MULTILINE)
_LISTED: Final = re.compile(r"^- .*::", re.MULTILINE)
_EXCUSED: Final = re.compile(r"^\| ([A-Z]\d+) \| [^|]*\S[^|]* \| [^|]*\S[^|]* \|$", re.MULTILINE)


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
class Section:
    """One danger, by its number in the document."""

    number: str
    title: str
    guards: list[Place]
    tests: list[Place]


@dataclass(frozen=True)
class Document:
    """A document, as it stands there."""

    name: str
    numbers: tuple[str, ...]
    """What it has to speak of, in this order."""

    @property
    def text(self) -> str:
        """All of it."""
        return (CHECKOUT / "docs" / self.name).read_text(encoding="utf-8")

    @property
    def sections(self) -> list[Section]:
        """In the order in which they stand."""
        _, *parts = _SECTION.split(self.text)
        return [
            Section(number, title, read_places(text, "Guards"), read_places(text, "Tests"))
            for number, title, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        ]

    @property
    def excused(self) -> list[str]:
        """The numbers of its table of what cannot occur, each with a reason."""
        return _EXCUSED.findall(self.text)

    @property
    def listed(self) -> int:
        """How many lines look like a guard or a test, whatever they stand under."""
        return len(_LISTED.findall(self.text))


def defined_names(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    """The functions, classes and constants of a module, and what stands in its classes, dotted."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from defined_names(node, f"{prefix}{node.name}.")
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))


def read_places(text: str, heading: str) -> list[Place]:
    """What is listed below a heading."""
    below = text.partition(f"\n{heading}:\n")[2].lstrip("\n").partition("\n\n")[0]
    return [Place(file, name) for file, name in _PLACE.findall(below)]
