"""Who a request comes from, read from the request."""

from ipaddress import ip_address
from typing import Final

from quart import request

from dashtam.audit.caller import Caller

_MAX_USER_AGENT: Final = 512


def current_caller() -> Caller:
    """Address and user agent of the current request; the edge has put the address behind trusted proxies there.

    What a stranger wrote is made printable and cut, and what is no address is none: a peer on a unix socket has none.
    """
    client = request.scope.get("client")
    return Caller(ip=_address(client[0]) if client else None, user_agent=_printable())


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def _printable() -> str | None:
    text = request.headers.get("User-Agent")
    if text is None:
        return None
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)[
        :_MAX_USER_AGENT
    ]
