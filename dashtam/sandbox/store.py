"""The state of the sandbox, in Redis: it outlives a hot reload, and forgets by itself.

Of codes and tokens only hashes are kept. A family is everything that came of one consent: where its key is gone or
empty, none of its tokens lives any more.
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
    """What a code or a token stands for."""

    family: str
    scope: str
    ends_at: datetime
    """By the sandbox's clock."""
    redirect_uri: str = ""
    challenge: str = ""
    """Of a code: the S256 challenge that its verifier has to meet (RFC 7636, 4.6)."""

    def is_over(self, now: datetime) -> bool:
        """Whether its time has run out."""
        return now >= self.ends_at


class Store:
    """What the sandbox remembers."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def begin_family(self) -> str:
        """Begin what may come of a consent."""
        family = token_urlsafe(16)
        await self._cache.put(sandbox_key("family", family), "alive", ttl=_LONGEST)
        return family

    async def end_family(self, family: str) -> None:
        """Let nothing of it live any more."""
        await self._cache.forget([sandbox_key("family", family)], ttl=_LONGEST)

    async def is_alive(self, family: str) -> bool:
        """Whether its tokens are still good."""
        return bool(await self._cache.recall(sandbox_key("family", family)))

    async def issue(self, kind: str, issued: Issued, *, ttl: timedelta) -> str:
        """Make a code or a token, kept a little longer than it is good for, so that its end is told from a riddle."""
        secret = token_urlsafe(32)
        text = json.dumps({**vars(issued), "ends_at": issued.ends_at.isoformat()})
        await self._cache.put(sandbox_key(kind, hashed(secret)), text, ttl=ttl + KEPT)
        await self.count(f"{kind}_issued")
        return secret

    async def find(self, kind: str, secret: str) -> Issued | None:
        """What a code or a token stands for; None: it never was one, or it is long forgotten."""
        text = await self._cache.recall(sandbox_key(kind, hashed(secret)))
        if not text:
            return None
        members: dict[str, Any] = json.loads(text)
        return Issued(**{**members, "ends_at": datetime.fromisoformat(members["ends_at"])})

    async def forget(self, kind: str, secret: str) -> None:
        """Let a code or a token stand for nothing."""
        await self._cache.forget([sandbox_key(kind, hashed(secret))], ttl=KEPT)

    async def spend(self, kind: str, secret: str, now: datetime) -> datetime | None:
        """Use a code or a refresh token; answers when it was used before. Of many at once one is first."""
        key = sandbox_key(f"spent_{kind}", hashed(secret))
        earlier = await self._cache.set_if_absent(key, now.isoformat(), ttl=_LONGEST)
        return datetime.fromisoformat(earlier) if earlier else None

    async def count(self, name: str) -> None:
        """Count something that a test may ask for."""
        await self._cache.count(sandbox_key("counter", name), window=KEPT)

    async def counters(self) -> dict[str, int]:
        """How often each thing occurred since they were reset."""
        return {name: int(await self._cache.recall(sandbox_key("counter", name)) or 0) for name in COUNTERS}

    async def reset(self) -> None:
        """Begin to count anew."""
        for name in COUNTERS:
            await self._cache.put(sandbox_key("counter", name), "0", ttl=KEPT)
