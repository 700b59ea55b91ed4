"""Mutants of shell scripts: each refusal removed, each condition made constant, each pattern of a `case` removed."""

import re
import subprocess
from collections.abc import Iterator
from typing import Final

from tests.mutation.mutants import Mutant, describe

_GONE: Final = (
    re.compile(r"\bexit \d+"),
    re.compile(r"\bwrong=1"),
    re.compile(r"(?m)^set -eu$"),
    re.compile(r"(?m)(?<=^)(?:sh|ask) [^|\n]*$"),
)
_TEST: Final = re.compile(r"(?<!\w)\[ [^\n]*? \]")
_TURNED: Final = {" -gt ": " -le ", " -lt ": " -ge ", " -n ": " -z ", " -z ": " -n "}
_UNSET: Final = re.compile(r"(?<=\w):\?is not set(?=})")
_PATTERNS: Final = re.compile(r"(?m)^ +(?P<patterns>[^()#\n]+)\)(?= |$)")
_NEVER: Final = "'never said'"


def shell_mutants(file: str, text: str) -> Iterator[Mutant]:
    """Yield the mutants of a shell script that still parse; comments are not mutated."""
    seen = {text}
    for place, mutated in sorted(_mutated(text), key=lambda pair: pair[0]):
        line = text[text.rfind("\n", 0, place) + 1 : place]
        if mutated not in seen and not line.lstrip().startswith("#") and _parses(mutated):
            seen.add(mutated)
            yield describe(file, text.count("\n", 0, place) + 1, text, mutated)


def _mutated(text: str) -> Iterator[tuple[int, str]]:
    for gone in _GONE:
        for match in gone.finditer(text):
            yield match.start(), _put(text, match.start(), match.end(), ":")
    for match in _TEST.finditer(text):
        for decided in ("true", "false"):
            yield match.start(), _put(text, match.start(), match.end(), decided)
    for old, new in _TURNED.items():
        for match in re.finditer(re.escape(old), text):
            yield match.start(), _put(text, match.start(), match.end(), new)
    for match in _UNSET.finditer(text):
        yield match.start(), _put(text, match.start(), match.end(), "-")
    for match in _PATTERNS.finditer(text):
        yield from _without_a_pattern(text, match)


def _without_a_pattern(text: str, found: re.Match[str]) -> Iterator[tuple[int, str]]:
    patterns = found["patterns"].split(" | ")
    start, end = found.span("patterns")
    for place in range(len(patterns)):
        rest = [*patterns[:place], *patterns[place + 1 :]]
        yield start, _put(text, start, end, " | ".join(rest) or _NEVER)


def _put(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _parses(text: str) -> bool:
    return subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True).returncode == 0
