"""When a token is due, when it ends, and when the refresher looks at it next: pure rules over instants."""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from dashtam.providers.base import Profile, TokenGrant

FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(hours=1)
MISCONFIGURED_PAUSE: Final = timedelta(hours=1)
"""A client that the provider does not know is not known a minute later either."""
UNUSABLE_LIMIT: Final = 8
"""Answers in a row that cannot be used, after which a provider is asked once a day."""
RARE_PAUSE: Final = timedelta(days=1)
MAX_RETRY_AFTER: Final = timedelta(days=1)
"""A longer wish of a provider is a mistake, or a stranger's."""


@dataclass(frozen=True)
class Lifetimes:
    """What is known of how long a stored grant lives."""

    granted_at: datetime | None
    expires_at: datetime | None
    refresh_expires_at: datetime | None
    has_refresh_token: bool
    is_warned: bool = False


def lifetimes_of(grant: TokenGrant) -> Lifetimes:
    """The instants of a grant that nobody was warned about yet."""
    return Lifetimes(
        grant.granted_at, grant.expires_at, grant.refresh_expires_at, grant.refresh_token is not None
    )


def margin(lifetimes: Lifetimes, profile: Profile) -> timedelta:
    """How long before its end an access token is replaced: the provider's margin, but half of a short life at most."""
    if lifetimes.expires_at is None or lifetimes.granted_at is None:
        return profile.refresh_margin
    return min(profile.refresh_margin, (lifetimes.expires_at - lifetimes.granted_at) / 2)


def is_due(lifetimes: Lifetimes, profile: Profile, now: datetime) -> bool:
    """Whether an access token is so near its end that it is replaced before it is used."""
    return lifetimes.expires_at is not None and now >= lifetimes.expires_at - margin(lifetimes, profile)


def holds(expires_at: datetime | None, now: datetime) -> bool:
    """Whether a time has not run out, as far as anybody knows."""
    return expires_at is None or now < expires_at


def warns_at(lifetimes: Lifetimes, profile: Profile) -> datetime | None:
    """When the user is told that they will have to connect again; None: never, or they were told.

    Where there is no refresh token, that is before the end of the access token.
    """
    end = lifetimes.refresh_expires_at if lifetimes.has_refresh_token else lifetimes.expires_at
    return None if end is None or lifetimes.is_warned else end - profile.warn_before


def next_look(lifetimes: Lifetimes, profile: Profile, *, spread: float | None = None) -> datetime | None:
    """When the refresher looks at a token next; None: never.

    That is ahead of the moment at which whoever uses it would have to wait, and not the same for all tokens that were
    granted at once: `spread`, from 0 to 1, is drawn by chance.
    """
    looks = [warns_at(lifetimes, profile)]
    if lifetimes.expires_at is not None:
        ahead = margin(lifetimes, profile) * (1 + (random.random() if spread is None else spread) / 2)  # noqa: S311
        looks.append(lifetimes.expires_at - (ahead if lifetimes.has_refresh_token else timedelta(0)))
    return min((look for look in looks if look is not None), default=None)


def pause(failures: int, *, retry_after: timedelta | None = None, chance: float | None = None) -> timedelta:
    """How long to leave a provider alone after so many failures in a row: twice as long each time, up to an hour.

    `chance`, from 0 to 1, makes it between half and all of that, so that those who failed together do not return
    together (Brooker, "Exponential Backoff and Jitter"). A provider that names a time (RFC 9110, 10.2.3) gets it.
    """
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * int(2 ** min(max(failures, 1) - 1, 16)))
    drawn = longest * (0.5 + (random.random() if chance is None else chance) / 2)  # noqa: S311
    return max(drawn, min(retry_after or timedelta(0), MAX_RETRY_AFTER))


def complete(
    answered: TokenGrant, *, profile: Profile, earlier: TokenGrant | None, began: datetime
) -> TokenGrant:
    """Fill what an answer leaves out, from the grant before it (RFC 6749, 5.1 and 6) and from the provider's profile.

    Every time counts from `began`, when the request for it began: what passed on the way shortens our life, not
    the provider's. A lifetime is never "for good" because an answer forgot to say it.
    """
    refresh_token = answered.refresh_token or (earlier.refresh_token if earlier else None)
    expires_at = answered.expires_at
    if expires_at is None and profile.access_ttl is not None:
        expires_at = began + profile.access_ttl
    return replace(
        answered,
        refresh_token=refresh_token,
        scope=answered.scope or (earlier.scope if earlier else ""),
        expires_at=expires_at,
        refresh_expires_at=_refresh_end(answered, profile, earlier, began) if refresh_token else None,
        granted_at=began,
    )


def _refresh_end(
    answered: TokenGrant, profile: Profile, earlier: TokenGrant | None, began: datetime
) -> datetime | None:
    if earlier is not None and profile.is_refresh_ttl_fixed:
        return earlier.refresh_expires_at
    if answered.refresh_expires_at is not None or profile.refresh_ttl is None:
        return answered.refresh_expires_at
    return began + profile.refresh_ttl


def missing_scopes(scope: str, profile: Profile) -> list[str]:
    """What a grant lacks of what it cannot do without."""
    return sorted(profile.required_scopes - set(scope.split()))
