"""Mutants of SQL and psql: each clause removed, each comparison reversed, each refusal and psql command removed."""

import re
from collections.abc import Iterator
from typing import Final

from tests.mutation.mutants import Mutant, describe

_TURNED: Final = {
    " = ": " <> ",
    " <> ": " = ",
    " IS DISTINCT FROM ": " IS NOT DISTINCT FROM ",
    " NOT IN ": " IN ",
    "NOT EXISTS (": "EXISTS (",
    "WHERE NOT ": "WHERE ",
    " ~ ": " !~ ",
    " AND NOT ": " AND ",
    "'testing'": "'development'",
    "'development'": "'testing'",
}
_CLAUSE: Final = re.compile(
    r"\bAND\s+(?:NOT\s+)?(?:\([^()]*(?:\([^()]*\)[^()]*)*\)|[^\n()]+(?:\([^()\n]*\))?)"
)
_FIRST_CLAUSE: Final = re.compile(r"(?<=\bWHERE )[^()\n]+?\s+AND (?=\S)")
# One of several combined refusals, with the UNION ALL after it; the last one with the UNION ALL before it.
_PART: Final = re.compile(
    r"(?ms)^( *)SELECT(?:(?!^ *UNION ALL$).)*?^\1UNION ALL\n|^ *UNION ALL SELECT [^\n]*\n"
)
_LAST_PART: Final = re.compile(
    r"(?ms)\n *UNION ALL\n(?:(?!^ *UNION ALL$).)*?(?=\) AS \w+ \\gset|\n *LOOP\n|;?\n*\Z)"
)
_STATEMENT: Final = re.compile(
    r"""(?msx) ^[ ]*(?=[A-Z])
        (?: '[^']*' | --[^\n]* | \$(\w*)\$.*?\$\1\$ | [^;'\\] )*?
        (?: ; | \\gexec | \\gset | \\g[ ]/dev/null )"""
)
_COMMAND: Final = re.compile(r"(?m)^ *\\(?:set (?!QUIET)|quit|ir|connect|echo).*\n")
_CONDITION: Final = re.compile(r"(?m)(?<=\\if ).*$")


def sql_mutants(file: str, text: str) -> Iterator[Mutant]:
    """Yield the mutants of an SQL file; comments are not mutated."""
    seen = {text}
    for place, mutated in sorted(_mutated(text), key=lambda pair: pair[0]):
        if mutated not in seen and not _is_elsewhere(text, place):
            seen.add(mutated)
            yield describe(file, text.count("\n", 0, place) + 1, text, mutated)


def _mutated(text: str) -> Iterator[tuple[int, str]]:
    for old, new in _TURNED.items():
        for match in re.finditer(re.escape(old), text):
            yield match.start(), text[: match.start()] + new + text[match.end() :]
    for part in (_CLAUSE, _FIRST_CLAUSE, _PART, _LAST_PART, _STATEMENT, _COMMAND):
        for match in part.finditer(text):
            yield match.start(), text[: match.start()] + text[match.end() :]
    for match in _CONDITION.finditer(text):
        for decided in ("true", "false"):
            yield match.start(), text[: match.start()] + decided + text[match.end() :]


def _is_elsewhere(text: str, place: int) -> bool:
    """Whether a match is in a comment, or in a setting, where = is not a comparison."""
    start = text.rfind("\n", 0, place) + 1
    return text[start:place].lstrip().startswith(("--", "SET ")) or text[place:].startswith("--")
