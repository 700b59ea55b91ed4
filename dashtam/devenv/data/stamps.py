"""What a snapshot says of itself, how it is called, and when it may not be restored; pure."""

import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from dashtam.devenv.components import SNAPSHOT_PREFIX
from dashtam.devenv.errors import EnvironmentMisused

NO_MIGRATIONS: Final = "none"
KEPT: Final = 5
"""So many automatic snapshots stay, however old they are."""
KEPT_FOR: Final = timedelta(days=7)
"""Younger automatic snapshots stay, however many they are: one before a restore may be the only copy of its rows."""
_LONGEST: Final = 63 - len(SNAPSHOT_PREFIX)  # PostgreSQL cuts longer names off
_NAME: Final = re.compile("[a-z0-9][a-z0-9_-]*")
_STAMP: Final = re.compile(
    r"dashtam purpose=snapshot cluster=(?P<cluster>[0-9]+) source=(?P<source>\S+) created=(?P<created>\S+) "
    r"head=(?P<head>\S+) reason=(?P<reason>.+)"
)
_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class Reason(StrEnum):
    """Why a snapshot was taken."""

    BY_HAND = "by hand"
    BEFORE_MIGRATION = "before migration"
    BEFORE_RESTORE = "before restore"

    @property
    def automatic(self) -> bool:
        """A verb took it by itself."""
        return self is not Reason.BY_HAND


@dataclass(frozen=True)
class Stamp:
    """What the comment on the database says, in the catalogue that all databases share."""

    cluster: str
    source: str
    created: datetime
    head: str
    """The newest migration that was applied."""
    reason: Reason

    @classmethod
    def parse(cls, comment: str) -> Self | None:
        """Read a comment; None where it is not the stamp of a snapshot."""
        match = _STAMP.fullmatch(comment)
        if match is None:
            return None
        try:
            created, reason = datetime.fromisoformat(match["created"]), Reason(match["reason"])
        except ValueError:
            return None
        return (
            cls(match["cluster"], match["source"], created, match["head"], reason) if created.tzinfo else None
        )


@dataclass(frozen=True)
class Snapshot:
    """A database that is called as a snapshot is."""

    name: str
    size: int
    """In bytes."""
    comment: str
    stamp: Stamp | None
    """None where the comment is not a stamp: then it is none of ours."""

    @property
    def database(self) -> str:
        """What PostgreSQL calls it."""
        return SNAPSHOT_PREFIX + self.name

    @property
    def automatic(self) -> bool:
        """A verb took it by itself, so a verb may drop it."""
        return self.stamp is not None and self.stamp.reason.automatic


def read_name(name: str) -> str:
    """Check a name that was typed.

    Raises:
        EnvironmentMisused: says what a name may look like.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise EnvironmentMisused(
            f"a snapshot cannot be called {name[:80]!r}; expected lower-case letters, digits, _ and -, "
            f"at most {_LONGEST}, a letter or digit first",
            advice="invoke db.snapshot --name before-cleanup",
        )
    return name


def choose_name(reason: Reason, taken: Collection[str], now: datetime) -> str:
    """Make a name from the moment, with a number where the moment is taken."""
    moment = f"{now:%Y%m%d-%H%M%S}"
    name = f"{reason.replace(' ', '-')}-{moment}" if reason.automatic else moment
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(free for free in names if free not in taken)


def reasons_to_refuse(snapshot: Snapshot, *, cluster: str, source: str, known: Collection[str]) -> list[str]:
    """List every reason not to put a snapshot in the place of the database `source`.

    `known` are the migrations of this checkout.
    """
    stamp = snapshot.stamp
    if stamp is None:
        return [
            f"database {snapshot.database} does not carry the stamp of a snapshot; it says {snapshot.comment!r}"
        ]
    reasons = []
    if stamp.cluster != cluster:
        reasons.append(f"it was taken in cluster {stamp.cluster}; expected {cluster}, which is ours")
    if stamp.source != source:
        reasons.append(f"it is a copy of {stamp.source}; expected {source}")
    if stamp.head not in {*known, NO_MIGRATIONS}:
        reasons.append(
            f"its schema is newer than this checkout: migration {stamp.head} is not in migrations/; "
            "check out the code that made it"
        )
    return reasons


def find_surplus(snapshots: Sequence[Snapshot], now: datetime) -> list[Snapshot]:
    """The automatic snapshots that are both beyond the newest few and old; those by hand never are."""
    automatic = [
        (snapshot.stamp.created, snapshot)
        for snapshot in snapshots
        if snapshot.stamp is not None and snapshot.automatic
    ]
    newest_first = sorted(automatic, key=lambda entry: entry[0], reverse=True)
    return [snapshot for created, snapshot in newest_first[KEPT:] if now - created > KEPT_FOR]


def show_size(size: int) -> str:
    """A number of bytes for people."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def show_age(created: datetime, now: datetime) -> str:
    """How long ago something was, in its largest unit."""
    seconds = max(int((now - created).total_seconds()), 0)
    for length, unit in _UNITS:
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "now"


def as_row(snapshot: Snapshot, now: datetime) -> tuple[str, ...]:
    """A line of the table: name, age, size, migration head, reason."""
    stamp = snapshot.stamp
    if stamp is None:
        return (snapshot.name, "-", show_size(snapshot.size), "-", "no snapshot of ours: it has no stamp")
    return (
        snapshot.name,
        show_age(stamp.created, now),
        show_size(snapshot.size),
        stamp.head,
        stamp.reason.value,
    )


def as_document(snapshot: Snapshot) -> dict[str, object]:
    """The same as plain values, for `--json`."""
    stamp = snapshot.stamp
    return {
        "name": snapshot.name,
        "database": snapshot.database,
        "size": snapshot.size,
        "created": stamp and stamp.created.astimezone(UTC).isoformat(),
        "migration_head": stamp and stamp.head,
        "reason": stamp and stamp.reason,
        "source": stamp and stamp.source,
        "cluster": stamp and stamp.cluster,
    }
