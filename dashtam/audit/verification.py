"""Reads audit entries as rows, and says where their chain is broken."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from dashtam.audit import chain
from dashtam.errors import InvalidRequest
from dashtam.models import AuditHead

BEGUN: Final = "audit.begun"
"""The first entry of the chain; it vouches for those that were written before there was one."""
BROKEN: Final = "audit.broken"
"""Follows a head that could not be believed, and says so for as long as there is a chain."""
_ANCHOR: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")
# What a changed row may make of reading it.
_UNREADABLE: Final = (ValueError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Anchor:
    """An entry of the chain and its hash: whoever writes them down elsewhere can tell later whether it is the same."""

    sequence: int
    hash: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` writes.

        Raises:
            InvalidRequest: it is something else.
        """
        match = _ANCHOR.fullmatch(text.strip())
        if match is None:
            raise InvalidRequest(
                f"{text[:80]!r} is no anchor; expected 57: and 64 hexadecimal digits, as audit.verify prints it"
            )
        return cls(int(match[1]), bytes.fromhex(match[2]))

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash.hex()}"


class Earlier:
    """The entries from before the chain, in the order of their ids, as one digest.

    Their details count as the text that PostgreSQL answers: nobody kept fractions out of them.
    """

    def __init__(self) -> None:
        self.count = 0
        self.digest = chain.START

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the next ones; one that cannot be read changes the digest too."""
        for row in rows:
            try:
                self.digest = chain.link(self.digest, dict(row))
            except _UNREADABLE:
                self.digest = chain.link(self.digest, {"unreadable": repr(dict(row))})
            self.count += 1

    def as_details(self) -> dict[str, Any]:
        """What the first entry of the chain says of them."""
        return {"earlier": self.count, "digest": self.digest.hex()}


class ChainCheck:
    """Walks over a chain, and says what is wrong as it meets it.

    `anchor` is what somebody wrote down of an earlier end. With `from_anchor`, entries before it are not asked for.
    """

    def __init__(self, *, anchor: Anchor | None = None, from_anchor: bool = False) -> None:
        self.seen = 0
        self.earlier = Earlier()
        self._anchor = anchor
        self.is_whole = anchor is None or not from_anchor
        self._last = anchor.sequence - 1 if anchor is not None and from_anchor else 0
        self._previous: bytes | None = chain.START if self.is_whole else None

    @property
    def lowest(self) -> int:
        """Entries at this place and behind it are asked for; where all are, also those at places that there are not."""
        return -(2**63) if self.is_whole else self._last + 1

    @property
    def end(self) -> Anchor | None:
        """The last entry that was seen."""
        return Anchor(self._last, self._previous) if self.seen and self._previous is not None else None

    def see(self, row: Mapping[str, Any]) -> Iterator[str]:
        """Look at the next entry, in the order of their places."""
        self.seen += 1
        sequence, hash_ = row["sequence"], bytes(row["hash"] or b"")
        name = f"entry {sequence} (id {row['id']})"
        if sequence <= self._last:
            yield f"{name} stands at a place that is not its own"
            return
        if sequence > self._last + 1:
            yield _missing(self._last + 1, sequence - 1)
        elif self._previous is not None and not _fits(self._previous, row, hash_):
            yield f"{name} is not what was written there, or not behind the entry that it was written behind"
        if self.is_whole and sequence == 1:
            yield from self._see_first(row, name)
        if row["action"] == BROKEN:
            yield f"{name} says that the head was tampered with before it: {str(row['details'])[:300]}"
        if self._anchor is not None and sequence == self._anchor.sequence and hash_ != self._anchor.hash:
            yield f"{name} is another one than when the anchor was written down"
        self._last, self._previous = sequence, hash_

    def finish(self, head: AuditHead | None, sealer: chain.HeadSealer) -> Iterator[str]:
        """Compare the end of the chain with its head."""
        if self._anchor is not None and self._last < self._anchor.sequence:
            yield f"the chain ends at {self._last}, before the anchor {self._anchor.sequence}"
        if head is None:
            if self._last:
                yield "the head is missing, so nothing says where the chain ended"
            return
        if fault := sealer.find_fault(head.sequence, head.hash, key_id=head.key_id, seal=head.seal):
            yield f"the head is not to be believed: {fault}"
        if head.sequence > self._last:
            yield _missing(self._last + 1, head.sequence)
        elif head.sequence < self._last:
            yield f"the head counts {head.sequence} entries, and the chain has {self._last}"
        elif head.hash != self._previous:
            yield f"entry {self._last} is not the one that the head was sealed with: hashes were computed anew"

    def _see_first(self, row: Mapping[str, Any], name: str) -> Iterator[str]:
        if row["action"] != BEGUN:
            yield f"{name} is {row['action']}; a chain begins with {BEGUN}"
        elif _columns(row)["details"] != self.earlier.as_details():
            yield (
                f"the {self.earlier.count} entries from before the chain are not those that {name} vouches for: "
                f"{row['details']}"
            )


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"


def _fits(previous: bytes, row: Mapping[str, Any], hash_: bytes) -> bool:
    try:
        return chain.link(previous, _columns(row)) == hash_
    except _UNREADABLE:
        return False


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """Every column that there is but the hash itself."""
    details = row["details"]
    columns = {name: value for name, value in row.items() if name != "hash"}
    return columns | {"details": json.loads(details) if isinstance(details, str) else details}
