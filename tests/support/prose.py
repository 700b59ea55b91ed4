"""Counts phrases that house English rules out, in docstrings, comments, messages and documents.

`python -m tests.support.prose` lowers the committed counts to what it finds; it never raises one.
"""

import ast
import io
import json
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.checkout import CHECKOUT

BASELINE: Final = CHECKOUT / "tests" / "rules" / "prose.json"
PHRASES: Final = {
    "somebody": re.compile(r"\b(?:some|no|any)body\b", re.IGNORECASE),
    "whoever": re.compile(r"\bwh(?:o|at)ever\b", re.IGNORECASE),
    "tell": re.compile(r"\b(?:tells?|told)\b", re.IGNORECASE),
    "stand": re.compile(r"\bstands?\b", re.IGNORECASE),
    "anew": re.compile(r"\banew\b", re.IGNORECASE),
    "is no": re.compile(r"\b(?:is|are) no\b(?! (?:longer|more))", re.IGNORECASE),
    "mend": re.compile(r"\bmend(?:s|ed|ing)?\b", re.IGNORECASE),
    "signs": re.compile(r"\b(?<!\$ )signs\b(?! (?:in|out|up)\b)", re.IGNORECASE),
}
"""What `docs/architecture.md` asks to say otherwise."""
LIMITS: Final = {"somebody": 3.5, "whoever": 2.4, "tell": 2.0, "stand": 2.0, "anew": 0.6}
"""The most occurrences in 1,000 words, over everything."""
_ROOTS: Final = ("dashtam", "tests", "benchmarks", "docs", "docker", "migrations")
_FILES: Final = ("tasks.py", "README.md", "CONTRIBUTING.md")
_SQL: Final = re.compile(r"\b(?:SELECT|UPDATE|INSERT|DELETE|CREATE|ALTER|DROP|GRANT)\b")
# The phrases themselves are what these are about.
_EXEMPT: Final = frozenset({"tests/support/prose.py", "docs/architecture.md"})


def list_documents() -> Iterator[Path]:
    """Every file with prose in it."""
    for root in _ROOTS:
        for pattern in ("*.py", "*.md", "*.sh"):
            yield from sorted((CHECKOUT / root).rglob(pattern))
    yield from (CHECKOUT / name for name in _FILES)


def read_prose(path: Path) -> str:
    """Return the sentences of a file: of Python its comments and its texts with a blank in them, without SQL."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text
    nodes = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    texts = [value for value in nodes if isinstance(value, str) and " " in value and not _SQL.search(value)]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join([*texts, *(token.string for token in tokens if token.type == tokenize.COMMENT)])


def count_phrases() -> tuple[dict[str, dict[str, int]], int]:
    """Count each phrase in each file, and the words of all files together."""
    counts, words = {}, 0
    for path in list_documents():
        name = path.relative_to(CHECKOUT).as_posix()
        prose = read_prose(path)
        words += len(re.findall(r"[A-Za-z']+", prose))
        found = {phrase: len(pattern.findall(prose)) for phrase, pattern in PHRASES.items()}
        if name not in _EXEMPT and any(found.values()):
            counts[name] = {phrase: count for phrase, count in found.items() if count}
    return counts, words


def read_baseline() -> dict[str, dict[str, int]]:
    """Return the committed counts."""
    baseline: dict[str, dict[str, int]] = json.loads(BASELINE.read_text(encoding="utf-8"))
    return baseline


def find_differences(
    found: dict[str, dict[str, int]], allowed: dict[str, dict[str, int]]
) -> tuple[list[str], list[str]]:
    """Return the phrases above the committed counts, and the committed counts above what was found."""
    above: list[str] = []
    below: list[str] = []
    for name in sorted(found.keys() | allowed.keys()):
        for phrase in PHRASES:
            count, limit = found.get(name, {}).get(phrase, 0), allowed.get(name, {}).get(phrase, 0)
            line = f"{name}: {phrase!r} {count} times; {limit} are committed"
            (above if count > limit else below if count < limit else []).append(line)
    return above, below


def main() -> int:
    """Lower the committed counts; return 1 where a count rose."""
    found, _ = count_phrases()
    above, _ = find_differences(found, read_baseline() if BASELINE.exists() else found)
    if above:
        sys.stderr.write("\n".join(above) + "\n")
        return 1
    BASELINE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    totals = sum((Counter(counts) for counts in found.values()), Counter())
    sys.stdout.write(f"{dict(totals)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
