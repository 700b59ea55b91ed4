"""How often credentials may be tried: by a network, for an account, and by a network for an account.

Counted in Redis, before anything is compared, so that attempts side by side count as well. Where Redis is away nobody
can be counted, so nobody may try (CacheNotReady, 503). The answer tells where the caller stands, in the headers of
draft-ietf-httpapi-ratelimit-headers-10.
"""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Final

from quart import Quart, Response, g

from dashtam.cache import attempts, known_device
from dashtam.errors import TooManyRequests
from dashtam.security.tokens import hashed
from dashtam.web.callers import current_caller
from dashtam.web.current import current_resources
from dashtam.web.traits import Header, Trait


@dataclass(frozen=True)
class Rule:
    """At most so many attempts of one subject in a window that opens with the first of them."""

    name: str
    most: int
    window: timedelta


NETWORK: Final = Rule("network", 60, timedelta(minutes=10))
PAIR: Final = Rule("pair", 10, timedelta(minutes=15))
"""Of one network for one account: whoever guesses from elsewhere spends their own attempts, not the owner's."""
ACCOUNT: Final = Rule("account", 100, timedelta(hours=1))
"""Of all networks together that the account was never signed in to from; those that it was stay in."""
LETTERS: Final = Rule("letters", 5, timedelta(hours=1))
"""To one address, whoever asks for them."""
CONNECTING: Final = Rule("connecting", 60, timedelta(hours=1))
"""Of one user, who asks for links to providers."""
_STANDINGS: Final = (
    Header("RateLimit-Policy", "The rules that were asked.", {"type": "string"}, is_required=True),
    Header(
        "RateLimit", "Attempts that remain under each, and seconds.", {"type": "string"}, is_required=True
    ),
)
LIMITED: Final = Trait(sends=_STANDINGS, fails=(HTTPStatus.TOO_MANY_REQUESTS,))
"""Of an endpoint that counts attempts."""
_KNOWN: Final = timedelta(days=30)


def register(app: Quart) -> None:
    """Tell in every answer where the caller stands under the rules that were asked."""
    app.after_request(_add_headers)


async def limit_network() -> None:
    """Count an attempt of the caller's network.

    Raises:
        TooManyRequests: it has tried too often; says when it may again.
        CacheNotReady: nobody can be counted.
    """
    await _take(NETWORK, _network())


async def limit_letters(address: str) -> None:
    """Count a letter to an address, beside the attempt of the caller's network.

    Raises:
        TooManyRequests: says when there may be another one.
        CacheNotReady: nobody can be counted.
    """
    await limit_network()
    await _take(LETTERS, _account(address))


async def limit_account(account: str) -> None:
    """Count an attempt to prove an account: an address, or a user's id.

    Raises:
        TooManyRequests: says when the caller may try again.
        CacheNotReady: nobody can be counted.
    """
    await limit_network()
    subject, network = _account(account), _network()
    await _take(PAIR, f"{subject}:{network}")
    if not await current_resources().cache.recall(known_device(subject, network)):
        await _take(ACCOUNT, subject)


async def limit_connecting(user_id: str) -> None:
    """Count a link that a user asks for.

    Raises:
        TooManyRequests: says when they may ask again.
        CacheNotReady: nobody can be counted.
    """
    await _take(CONNECTING, _account(user_id))


async def remember_device(account: str) -> None:
    """Remember that an account was proved from the caller's network: strangers cannot use its attempts up."""
    await current_resources().cache.remember(known_device(_account(account), _network()), "1", ttl=_KNOWN)


async def _take(rule: Rule, subject: str) -> None:
    resources = current_resources()
    count = await resources.cache.count_in_window(attempts(rule.name, subject), window=rule.window)
    seconds = ceil(count.ends_in.total_seconds())
    remaining = max(0, rule.most - count.occurrences)
    g.setdefault("standings", []).append((rule, remaining, seconds))
    if count.occurrences <= rule.most:
        return
    if count.occurrences == rule.most + 1:  # the trail is never emptied, so a stranger must not fill it
        await resources.identity.authentication.record_limited(rule.name, caller=current_caller())
    raise TooManyRequests(f"more than {rule.most} under {rule.name}", headers={"Retry-After": str(seconds)})


async def _add_headers(response: Response) -> Response:
    standings: list[tuple[Rule, int, int]] = g.get("standings", [])
    if standings:
        response.headers["RateLimit-Policy"] = ", ".join(
            f'"{rule.name}";q={rule.most};w={int(rule.window.total_seconds())}' for rule, _, _ in standings
        )
        response.headers["RateLimit"] = ", ".join(
            f'"{rule.name}";r={remaining};t={seconds}' for rule, remaining, seconds in standings
        )
    return response


def _network() -> str:
    """The caller's address; of IPv6 the part that one customer is given whole."""
    ip = current_caller().ip
    try:
        address = ip_address((ip or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False).network_address)
    return str(address)


def _account(account: str) -> str:
    return hashed(account.strip().lower())[:32]
