"""Mutants of SQL: each clause left out, each comparison turned round, each refusal gone."""

import re
from collections.abc import Iterator
from typing import Final

from tests.mutation.mutants import Mutant, describe

_TURNED: Final = {
    " = ": " <> ",
    " <> ": " = ",
    " IS DISTINCT FROM ": " IS NOT DISTINCT FROM ",
    " NOT IN ": " IN ",
    "NOT EXISTS": "EXISTS",
    " ~ ": " !~ ",
    " AND NOT ": " AND ",
    "'testing'": "'development'",
    "'development'": "'testing'",
}
_UNION: Final = "\nUNION ALL\n"
_CLAUSE: Final = re.compile(
    r"\bAND\s+(?:NOT\s+)?(?:\([^()]*(?:\([^()]*\)[^()]*)*\)|[^\n()]+(?:\([^()\n]*\))?)"
)


def sql_mutants(file: str, text: str) -> Iterator[Mutant]:
    """Make the mutants of a file of SQL; comments stay as they are."""
    seen = {text}
    for place, mutated in sorted(_mutated(text), key=lambda pair: pair[0]):
        if mutated not in seen and not _in_comment(text, place):
            seen.add(mutated)
            yield describe(file, text.count("\n", 0, place) + 1, text, mutated)


def _mutated(text: str) -> Iterator[tuple[int, str]]:
    for old, new in _TURNED.items():
        for match in re.finditer(re.escape(old), text):
            yield match.start(), text[: match.start()] + new + text[match.end() :]
    for match in _CLAUSE.finditer(text):
        yield match.start(), text[: match.start()] + text[match.end() :]
    for statement in re.finditer(r"(?ms)^(?=[A-Z\\]).*?(?:;|\\gexec|\\gset|\\g /dev/null|\n(?=\\))", text):
        yield statement.start(), text[: statement.start()] + text[statement.end() :]
    yield from _without_a_part(text)


def _without_a_part(text: str) -> Iterator[tuple[int, str]]:
    """Leave out one refusal of several that a UNION ALL puts together."""
    first = found.start() if (found := re.search(r"(?m)^SELECT", text)) else len(text)
    parts = text[first:].split(_UNION)
    for number in range(len(parts) if len(parts) > 1 else 0):
        place = first + sum(len(part) + len(_UNION) for part in parts[:number])
        yield place, text[:first] + _UNION.join([*parts[:number], *parts[number + 1 :]])


def _in_comment(text: str, place: int) -> bool:
    start = text.rfind("\n", 0, place) + 1
    return text[start:place].lstrip().startswith("--") or text[place:].startswith("--")
