"""The mutants that no test can kill, because they behave as promised; each has a reason."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tests.mutation.mutants import Mutant

LIST: Final = Path(__file__).with_name("equivalents.toml")


def read_equivalents(path: Path = LIST) -> dict[str, str]:
    """Return the reasons by the names of the mutants."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", [])
    return {f"{entry['file']}: {entry['before']} -> {entry['after']}": entry["why"] for entry in entries}


def find_stale(listed: Mapping[str, str], survivors: Iterable[Mutant], files: Iterable[str]) -> list[str]:
    """Return the entries about these files that are not survivors: the code has changed, or a test kills them now."""
    names = {mutant.name for mutant in survivors}
    tried = tuple(f"{file}: " for file in files)
    return [name for name in listed if name.startswith(tried) and name not in names]
