"""Who a token stands for: one indexed read, or none where Redis remembers it."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import SecretStr
from tortoise import connections

from dashtam.cache import Cache, identity_key
from dashtam.errors import CacheNotReady, NotAuthenticated
from dashtam.logs.pipeline import get_logger
from dashtam.models import Role, SessionKind, SessionToken, TokenKind, UserSession
from dashtam.security.tokens import BROWSER_IDLE_TTL, hashed

INVALID_TOKEN: Final = 'Bearer realm="dashtam", error="invalid_token"'  # noqa: S105  # a challenge, not a secret
"""RFC 6750, section 3.1."""
_REMEMBERED: Final = timedelta(seconds=30)
# Longer than a request may last (30 s, see edge.py) together with what it may have remembered.
_FORGOTTEN: Final = timedelta(minutes=2)
_SEEN_EVERY: Final = timedelta(minutes=1)
_LOOK_UP: Final = """
SELECT s.id AS session_id, s.user_id, s.kind, s.scopes, s.last_seen_at, u.role,
       least(t.expires_at, s.expires_at) AS expires_at
FROM session_tokens t JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id
WHERE t.token_hash = $1 AND t.kind = 'access' AND t.expires_at > $2 AND s.expires_at > $2
  AND (s.kind <> 'browser' OR s.last_seen_at > $3)
"""
_log = get_logger(__name__)


@dataclass(frozen=True)
class Identity:
    """The user and the session behind a request."""

    user_id: UUID
    session_id: UUID
    kind: SessionKind
    role: Role
    scopes: frozenset[str]

    @property
    def is_personal(self) -> bool:
        """A script with a personal access token: it never touches credentials."""
        return self.kind is SessionKind.PERSONAL

    @property
    def is_admin(self) -> bool:
        """May manage users."""
        return self.role is Role.ADMIN

    @property
    def may_write(self) -> bool:
        """May change what is theirs."""
        return self.role is not Role.READ_ONLY and "write" in self.scopes


class Identities:
    """Looks tokens up, and makes every process forget those that were revoked."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def identify(self, token: SecretStr) -> Identity:
        """Say who a token stands for.

        Raises:
            NotAuthenticated: nobody; it expired, was revoked, or never was one.
        """
        token_hash = hashed(token.get_secret_value())
        if (remembered := await self._recall(token_hash)) is not None:
            return remembered
        now = datetime.now(UTC)
        rows = await connections.get("default").execute_query_dict(
            _LOOK_UP, [token_hash, now, now - BROWSER_IDLE_TTL]
        )
        if not rows:
            raise NotAuthenticated("the token stands for nobody", challenge=INVALID_TOKEN)
        identity = _identity(rows[0])
        if rows[0]["last_seen_at"] < now - _SEEN_EVERY:
            await UserSession.filter(id=identity.session_id).update(last_seen_at=now)
        await self._remember(token_hash, identity, min(_REMEMBERED, rows[0]["expires_at"] - now))
        return identity

    async def forget(self, session_ids: Collection[UUID]) -> None:
        """Make every process ask PostgreSQL again about the tokens of some sessions.

        Called in the database transaction that changes or ends them, before its commit: the sessions are locked, so
        that none gets a new token meanwhile, and what a slow request has read before cannot be remembered behind it.

        Raises:
            CacheNotReady: Redis is away, so another process might go on remembering: nothing may be committed.
        """
        # As whole rows: Tortoise's values_list forgets FOR UPDATE. In one order, so that two who end all do not meet.
        await UserSession.filter(id__in=session_ids).order_by("id").select_for_update()
        hashes = await SessionToken.filter(session_id__in=session_ids, kind=TokenKind.ACCESS).values_list(
            "token_hash", flat=True
        )
        await self._cache.forget([identity_key(str(token_hash)) for token_hash in hashes], ttl=_FORGOTTEN)

    async def _recall(self, token_hash: str) -> Identity | None:
        try:
            text = await self._cache.recall(identity_key(token_hash))
        except CacheNotReady as error:
            _log.warning("identities are read from PostgreSQL alone", reason=str(error))
            return None
        return _identity(json.loads(text)) if text else None

    async def _remember(self, token_hash: str, identity: Identity, ttl: timedelta) -> None:
        text = json.dumps(
            {
                "user_id": str(identity.user_id),
                "session_id": str(identity.session_id),
                "kind": identity.kind,
                "role": identity.role,
                "scopes": " ".join(sorted(identity.scopes)),
            }
        )
        try:
            await self._cache.remember(identity_key(token_hash), text, ttl=ttl)
        except CacheNotReady as error:
            _log.warning("an identity was not remembered", reason=str(error))


def _identity(values: dict[str, Any]) -> Identity:
    return Identity(
        user_id=UUID(str(values["user_id"])),
        session_id=UUID(str(values["session_id"])),
        kind=SessionKind(values["kind"]),
        role=Role(values["role"]),
        scopes=frozenset(values["scopes"].split()),
    )
