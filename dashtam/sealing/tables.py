"""The rows that hold sealed values: how many there are under which key, and those that another key has to seal."""

from dataclasses import dataclass
from typing import Final

import asyncpg
from tortoise.connection import get_connection

from dashtam.sealing import cipher, layout_v1
from dashtam.sealing.cipher import SealedColumn
from dashtam.sealing.columns import (
    ACCESS_TOKEN,
    REFRESH_TOKEN,
    REVOKED_TOKEN,
    SECOND_FACTOR,
    STORED_ANSWER,
    VERIFIER,
)

# Layout and key id stand in clear at the front; `escape` makes text of any bytes.
_HEAD: Final = "split_part(encode(substr({column}, 1, 64), 'escape'), '.', {part})"
UNREADABLE: Final = "unreadable"
# By the columns that have an index: this is asked every few seconds.
_KEY_IDS: Final = """
SELECT DISTINCT key_id FROM provider_tokens
UNION SELECT DISTINCT key_id FROM second_factors
UNION SELECT DISTINCT key_id FROM authorization_requests WHERE key_id IS NOT NULL
UNION SELECT DISTINCT key_id FROM revocations
"""


@dataclass(frozen=True)
class SealedTable:
    """A table with sealed columns, and what says in SQL where their values belong."""

    name: str
    columns: tuple[SealedColumn, ...]
    join: str = ""
    row: str = "t.id"
    user_id: str = "t.user_id"
    version: str = "1"
    has_key_id: bool = True

    @property
    def others(self) -> str:
        """Rows behind $1 whose values do not begin with $2, at most $3; one that somebody is changing is left out."""
        sealed = ", ".join(f"t.{column.name}" for column in self.columns)
        return (
            f"SELECT t.id, {self.row} AS row, {self.user_id} AS user_id, {self.version} AS version, {sealed} "
            f"FROM {self.name} AS t {self.join} WHERE t.id > $1 AND ({self._is_other(2)}) "
            "ORDER BY t.id LIMIT $3 FOR UPDATE OF t SKIP LOCKED"
        )

    @property
    def count_of_others(self) -> str:
        """How many rows have values that do not begin with $1, whoever holds them."""
        return f"SELECT count(*) FROM {self.name} AS t WHERE {self._is_other(1)}"

    @property
    def replacement(self) -> str:
        """Writes new values ($2 and on, a list a column) into the rows $1; the last is the key that seals them."""
        names = [column.name for column in self.columns]
        lists = ", ".join(f"${place}::bytea[]" for place in range(2, 2 + len(names)))
        changes = ", ".join(f"{name} = n.{name}" for name in names)
        key_id = f", key_id = ${2 + len(names)}" if self.has_key_id else ""
        return (
            f"UPDATE {self.name} AS t SET {changes}{key_id} "
            f"FROM unnest($1::uuid[], {lists}) AS n (id, {', '.join(names)}) WHERE t.id = n.id"
        )

    @property
    def usage(self) -> str:
        """How many rows each layout and key seals; a row with values under two keys counts for both."""
        values = " UNION ALL ".join(
            f"SELECT t.id, {_HEAD.format(column=column.name, part=1)} AS layout, "
            f"{_HEAD.format(column=column.name, part=2)} AS key_id "
            f"FROM {self.name} AS t WHERE {column.name} IS NOT NULL"
            for column in self.columns
        )
        return (
            f"SELECT layout, key_id, count(DISTINCT id) AS rows FROM ({values}) AS v GROUP BY layout, key_id"
        )

    def _is_other(self, place: int) -> str:
        head = f"${place}::bytea"
        return " OR ".join(
            f"substr(t.{column.name}, 1, octet_length({head})) <> {head}" for column in self.columns
        )


TABLES: Final = (
    SealedTable(
        "provider_tokens",
        (ACCESS_TOKEN, REFRESH_TOKEN),
        join="JOIN provider_connections AS c ON c.id = t.connection_id",
        user_id="c.user_id",
        version="t.version",
    ),
    SealedTable("second_factors", (SECOND_FACTOR,)),
    SealedTable("authorization_requests", (VERIFIER,)),
    SealedTable("revocations", (REVOKED_TOKEN,)),
    SealedTable("stored_answers", (STORED_ANSWER,), row="t.route || ':' || t.key_hash", has_key_id=False),
)


@dataclass(frozen=True)
class Usage:
    """How many rows of a table a key seals: a data key, or in layout v1 a key of the settings."""

    table: str
    layout: str
    key_id: str
    rows: int

    @property
    def is_earlier(self) -> bool:
        """Whether a key of the settings seals them directly."""
        return self.layout == layout_v1.LAYOUT


async def find_usage(session: asyncpg.Connection) -> list[Usage]:
    """Count the rows under each key, by what the values themselves say; reads all of them."""
    found = []
    for table in TABLES:
        for row in await session.fetch(table.usage):
            is_known = row["layout"] in (cipher.LAYOUT, layout_v1.LAYOUT)
            layout, key_id = (row["layout"], row["key_id"]) if is_known else (UNREADABLE, UNREADABLE)
            found.append(Usage(table.name, layout, key_id, row["rows"]))
    return found


async def list_key_ids() -> frozenset[str]:
    """List the ids of the keys that seal at least one stored value; in layout v1 they are keys of the settings."""
    return frozenset(row["key_id"] for row in await get_connection("default").execute_query_dict(_KEY_IDS))
