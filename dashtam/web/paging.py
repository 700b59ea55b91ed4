"""Pages of a list: the next one is named in the body, and in the header Link (RFC 8288)."""

from typing import Final
from urllib.parse import urlencode

from quart import Response

from dashtam.web.traits import Header, Trait

_LINK: Final = Header("Link", "Names the next page (RFC 8288), where there is one.", {"type": "string"})

PAGED: Final = Trait(sends=(_LINK,))
"""Of an endpoint whose answers `put_next` marks."""


def next_page(path: str | None, *, limit: int, after: object) -> str:
    """Path and query of the page of at most `limit` entries that begins behind `after`."""
    return f"{path}?{urlencode({'limit': limit, 'after': after})}"


def put_next(response: Response, following: str | None) -> Response:
    """Name the next page in the header Link, if there is one."""
    if following is not None:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response
