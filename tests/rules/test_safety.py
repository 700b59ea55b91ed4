"""docs/safety.md and docs/security.md name every danger once, with guards and tests that are really there."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.guarded import Document, Section

SAFETY: Final = Document("safety.md", tuple(f"H{number}" for number in range(1, 46)))
SECURITY: Final = Document(
    "security.md",
    (*(f"C{number}" for number in range(1, 61)), *(f"R{number}" for number in range(1, 14))),
)
DOCUMENTS: Final = (SAFETY, SECURITY)
SECTIONS: Final = [section for document in DOCUMENTS for section in document.sections]
# What the code would hold if the table of excuses were not true any more.
ABSENT: Final = {
    "C55": r"@blueprint\.\w+\([^)]*hook",
    "C56": r"^\s*(?:import|from) csv\b|text/csv|spreadsheet",
    "C57": r"^\s*(?:import|from) (?:xml|lxml|defusedxml|zipfile|tarfile|gzip|zlib|ofxtools)\b",
}
# The environment of the developer is no part of the service, and speaks XML-RPC and CSV with its own programs.
ELSEWHERE: Final = "devenv"


def number_of(section: Section) -> str:
    return section.number


def name_of(document: Document) -> str:
    return document.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_danger_stands_there_once_and_in_order(document: Document) -> None:
    told, excused = [section.number for section in document.sections], document.excused
    assert told == [number for number in document.numbers if number not in excused]
    assert excused == [number for number in document.numbers if number in excused]
    assert len({section.title for section in document.sections}) == len(told)


@pytest.mark.parametrize("section", SECTIONS, ids=number_of)
def test_every_guard_that_is_named_is_there(section: Section) -> None:
    assert section.guards
    assert [str(guard) for guard in section.guards if not guard.exists] == []


@pytest.mark.parametrize("section", SECTIONS, ids=number_of)
def test_every_danger_has_a_test_that_is_there(section: Section) -> None:
    assert section.tests
    assert [str(test) for test in section.tests if not test.is_test or not test.exists] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_place_that_the_document_names_was_looked_at(document: Document) -> None:
    """A list under a misspelled heading would be passed over in silence."""
    assert document.listed == sum(len(section.guards) + len(section.tests) for section in document.sections)


def test_what_cannot_occur_is_what_there_is_no_code_for() -> None:
    assert set(ABSENT) == {number for document in DOCUMENTS for number in document.excused}
    service = [path for path in (CHECKOUT / "dashtam").rglob("*.py") if ELSEWHERE not in path.parts]
    assert len(service) > 100
    found = [(number, str(path)) for number in ABSENT for path in service if has_code_for(number, path)]
    assert found == []


def has_code_for(number: str, path: Path) -> bool:
    return re.search(ABSENT[number], path.read_text(encoding="utf-8"), re.MULTILINE) is not None
