"""A mutant: a copy of a source text with one mistake."""

import difflib
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One source text with one mistake in it."""

    file: str
    line: int
    before: str
    after: str
    text: str

    @property
    def name(self) -> str:
        """The name of the mutant; it does not change when lines above it change."""
        return f"{self.file}: {self.before} -> {self.after}"


def describe(file: str, line: int, original: str, text: str) -> Mutant:
    """Return a mutant, with the mistake shown in as few lines as possible."""
    old, new = _without_common_ends(original.splitlines(), text.splitlines())
    parts = [
        (old[a:b], new[c:d])
        for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if tag != "equal"
    ]
    before, after = (" ".join(" ".join(part[side]) for part in parts) for side in (0, 1))
    return Mutant(file, line, " ".join(before.split()), " ".join(after.split()), text)


def _without_common_ends(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Remove the common start and end of two texts, which would slow down their comparison."""
    least = min(len(old), len(new))
    start = next((place for place in range(least) if old[place] != new[place]), least)
    end = next((place for place in range(least - start) if old[-1 - place] != new[-1 - place]), least - start)
    return old[start : len(old) - end], new[start : len(new) - end]
