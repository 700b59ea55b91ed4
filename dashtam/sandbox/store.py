"""The state of the sandbox, in Redis: it survives a hot reload, and expires by itself.

Only hashes of codes and tokens are stored. A family is everything that was issued for one consent; once its key is
missing or empty, none of its tokens is valid.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any, Final

from dashtam.cache import Cache, sandbox_key
from dashtam.security.tokens import hashed

KEPT: Final = timedelta(days=1)
COUNTERS: Final = (
    *("token_requests", "code_issued", "access_issued", "refresh_issued"),
    *("refresh_reused", "family_revoked", "revoke_requests", "revoked", "account_requests"),
)
_LONGEST: Final = timedelta(days=365)


@dataclass(frozen=True)
class Issued:
    """The data behind a code or a token."""

    family: str
    scope: str
    ends_at: datetime
    """The expiry, by the sandbox's clock."""
    redirect_uri: str = ""
    challenge: str = ""
    """Of a code: the S256 challenge that the verifier must match (RFC 7636, 4.6)."""

    def is_over(self, now: datetime) -> bool:
        """Whether the code or token has expired."""
        return now >= self.ends_at


class Store:
    """The codes, tokens, families and counters of the sandbox."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def begin_family(self) -> str:
        """Create the family of a consent, and return its id."""
        family = token_urlsafe(16)
        await self._cache.put(sandbox_key("family", family), "alive", ttl=_LONGEST)
        return family

    async def end_family(self, family: str) -> None:
        """Revoke every token of a family."""
        await self._cache.forget([sandbox_key("family", family)], ttl=_LONGEST)

    async def is_alive(self, family: str) -> bool:
        """Whether the tokens of a family are still valid."""
        return bool(await self._cache.recall(sandbox_key("family", family)))

    async def issue(self, kind: str, issued: Issued, *, ttl: timedelta) -> str:
        """Return a new code or token; it is stored beyond its expiry, so that an expired one is not just unknown."""
        secret = token_urlsafe(32)
        text = json.dumps({**vars(issued), "ends_at": issued.ends_at.isoformat()})
        await self._cache.put(sandbox_key(kind, hashed(secret)), text, ttl=ttl + KEPT)
        await self.count(f"{kind}_issued")
        return secret

    async def find(self, kind: str, secret: str) -> Issued | None:
        """Return the data behind a code or a token; None if it is unknown, or expired long ago."""
        text = await self._cache.recall(sandbox_key(kind, hashed(secret)))
        if not text:
            return None
        members: dict[str, Any] = json.loads(text)
        return Issued(**{**members, "ends_at": datetime.fromisoformat(members["ends_at"])})

    async def forget(self, kind: str, secret: str) -> None:
        """Delete a code or a token."""
        await self._cache.forget([sandbox_key(kind, hashed(secret))], ttl=KEPT)

    async def spend(self, kind: str, secret: str, now: datetime) -> datetime | None:
        """Mark a code or refresh token as used; return its first use, or None for the first of concurrent calls."""
        key = sandbox_key(f"spent_{kind}", hashed(secret))
        earlier = await self._cache.set_if_absent(key, now.isoformat(), ttl=_LONGEST)
        return datetime.fromisoformat(earlier) if earlier else None

    async def count(self, name: str) -> None:
        """Increment a counter for tests."""
        await self._cache.count(sandbox_key("counter", name), window=KEPT)

    async def counters(self) -> dict[str, int]:
        """Return the counters since the last reset."""
        return {name: int(await self._cache.recall(sandbox_key("counter", name)) or 0) for name in COUNTERS}

    async def reset(self) -> None:
        """Set every counter to 0."""
        for name in COUNTERS:
            await self._cache.put(sandbox_key("counter", name), "0", ttl=KEPT)
