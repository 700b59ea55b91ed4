"""The catalogue of providers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashtam.models import Provider

_COLUMNS: Final = ("key", "name", "description", "website", "authorization", "is_available")


@dataclass(frozen=True)
class CataloguePage:
    """Some entries in the order of their keys, and whether more follow."""

    entries: Sequence[dict[str, Any]]
    has_more: bool


async def list_catalogue(*, limit: int, after: str | None = None) -> CataloguePage:
    """List at most `limit` providers whose key comes after `after`.

    A page is found by key, not by number: entries that come or go between two requests neither repeat nor hide others.
    """
    # One row more than asked for tells whether there is a next page, without counting.
    found = await _after(after).order_by("key").limit(limit + 1).values(*_COLUMNS)
    return CataloguePage(entries=found[:limit], has_more=len(found) > limit)


def _after(key: str | None) -> Any:  # noqa: ANN401  # QuerySet's own types do not survive filter()
    return Provider.all() if key is None else Provider.filter(key__gt=key)
