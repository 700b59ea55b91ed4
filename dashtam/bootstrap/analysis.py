"""What pending migrations would do, as far as their files tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dashtam.bootstrap.harm import Harm, find_harms, printable
from dashtam.bootstrap.preview import NotReadable, read_upgrade


@dataclass(frozen=True)
class Analysis:
    """A pending migration: its SQL, where its file tells, and what of it may take data away."""

    name: str
    sql: str | None
    harms: tuple[Harm, ...]


def analyze(names: Sequence[str], folder: Path) -> list[Analysis]:
    """Read migrations of a folder, in the order in which they would run. None is imported, and none is run."""
    sources = [(folder / name).read_text(encoding="utf-8") for name in names]
    read = [_read(source) for source in sources]
    harms = find_harms([sql for sql, _ in read])
    return [
        Analysis(name, sql, (*unreadable, *found))
        for name, (sql, unreadable), found in zip(names, read, harms, strict=True)
    ]


def _read(source: str) -> tuple[str | None, tuple[Harm, ...]]:
    try:
        return read_upgrade(source), ()
    except NotReadable as error:
        return None, (Harm(printable(source.strip()), f"only running it would tell what it does: {error}"),)
