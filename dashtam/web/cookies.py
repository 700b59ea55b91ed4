"""The cookie of a signed-in browser, and proof that a request comes from our own pages.

A browser sends the cookie with whatever leads here, so a request that changes something needs two proofs (OWASP,
"Cross-Site Request Forgery Prevention"): it comes from this very origin, and it carries a header that a form cannot
send, nor a script of another site, which would have to ask first and is never allowed. SameSite alone is not enough:
every port of localhost, and every sibling of a domain, is the same site.
"""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr
from quart import Response, request

from dashtam.security.tokens import SESSION_COOKIE
from dashtam.web.current import current_resources
from dashtam.web.errors import CrossOrigin
from dashtam.web.traits import Header, Trait

COOKIE: Final = SESSION_COOKIE
HEADER: Final = "X-Dashtam-Request"
SETS_COOKIE: Final = Trait(
    sends=(Header("Set-Cookie", "For a browser: its session, or the end of it.", {"type": "string"}),)
)
"""Of an endpoint that sets or clears the cookie."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


def read_cookie() -> SecretStr | None:
    """The token that the browser of the current request holds."""
    value = request.cookies.get(COOKIE)
    return SecretStr(value) if value else None


def set_cookie(response: Response, token: SecretStr, ttl: timedelta) -> None:
    """Have the browser hold a token; its scripts cannot read it."""
    response.set_cookie(
        COOKIE,
        token.get_secret_value(),
        max_age=int(ttl.total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="Lax",
    )


def clear_cookie(response: Response) -> None:
    """Have the browser drop the token."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")


def require_own_page() -> None:
    """Check that the current request was sent by a page of this very origin.

    Raises:
        CrossOrigin: it was not, or nothing proves it.
    """
    if not request.headers.get(HEADER):
        raise CrossOrigin(f"the header {HEADER} is missing")
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site != "same-origin":
        raise CrossOrigin(f"Sec-Fetch-Site is {site!r}")
    if origin is not None and origin != _own_origin():
        raise CrossOrigin(f"Origin is {origin!r}, not {_own_origin()}")
    if site is None and origin is None:
        raise CrossOrigin("neither Sec-Fetch-Site nor Origin says where it comes from")


def _own_origin() -> str:
    """The origin under which this request reached us; the edge has checked the host."""
    return f"{urlsplit(current_resources().settings.APP_URL).scheme}://{request.host}"
