"""The catalogue of providers."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

from tortoise import connections

# Written out, not built by the ORM: this is the busiest query, and building it costs more than running it.
_PAGE: Final = """
SELECT key, name, description, website, "authorization", is_available
FROM providers WHERE key > $1 ORDER BY key LIMIT $2
"""


@dataclass(frozen=True)
class CataloguePage:
    """Some entries in the order of their keys, and whether more follow."""

    entries: Sequence[dict[str, Any]]
    has_more: bool


async def list_catalogue(*, limit: int, after: str = "", configured: Set[str]) -> CataloguePage:
    """List at most `limit` providers whose key comes after `after`; only those in `configured` are available here.

    A page is found by key, not by number: entries that come or go between two requests neither repeat nor hide others.
    """
    # One row more than asked for tells whether there is a next page, without counting.
    found = await connections.get("default").execute_query_dict(_PAGE, [after, limit + 1])
    for entry in found:
        entry["is_available"] = entry["is_available"] and entry["key"] in configured
    return CataloguePage(entries=found[:limit], has_more=len(found) > limit)
