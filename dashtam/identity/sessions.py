"""Sessions: begun by a sign-in, refreshed by programs, listed, named and ended by their user."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import SecretStr
from tortoise import connections

from dashtam.audit.attempts import attempt
from dashtam.audit.caller import Caller
from dashtam.audit.trail import ANONYMOUS, AuditTrail, user_actor
from dashtam.errors import NotAuthenticated, NotFound
from dashtam.identity.errors import AlreadyRefreshed, SignInRefused
from dashtam.identity.identities import INVALID_TOKEN, Identities
from dashtam.models import Outcome, SessionKind, SessionToken, TokenKind, User, UserSession
from dashtam.security.tokens import (
    ACCESS_TTL,
    BROWSER_TTL,
    PROGRAM_IDLE_TTL,
    PROGRAM_TTL,
    REFRESH_GRACE,
    Mark,
    hashed,
    new_token,
)

_ALL_SCOPES: Final = "read write"
_TTL: Final = {SessionKind.BROWSER: BROWSER_TTL, SessionKind.PROGRAM: PROGRAM_TTL}
# One statement decides who uses a refresh token: of two that come at once, the second one finds it used. The session is
# locked before its token, as whoever ends it does.
_USE: Final = """
WITH locked AS MATERIALIZED (
    SELECT s.id FROM sessions s JOIN session_tokens t ON t.session_id = s.id
    WHERE t.token_hash = $1 AND t.kind = 'refresh' AND s.expires_at > $2 FOR UPDATE OF s)
UPDATE session_tokens t SET used_at = $2 FROM locked
WHERE t.token_hash = $1 AND t.session_id = locked.id AND t.used_at IS NULL AND t.expires_at > $2
RETURNING t.session_id
"""


@dataclass(frozen=True)
class Tokens:
    """What a sign-in or a refresh hands out, once; nobody can read it again."""

    session: UserSession
    access: SecretStr
    access_ttl: timedelta
    refresh: SecretStr | None = None


class Sessions:
    """The sessions of all users; whoever asks sees their own."""

    def __init__(self, identities: Identities, trail: AuditTrail) -> None:
        self._identities = identities
        self._trail = trail

    async def start(self, user: User, *, kind: SessionKind, name: str, caller: Caller) -> Tokens:
        """Begin a session for a user who has just proved who they are.

        Raises:
            SignInRefused: the password was changed since it was proved.
        """
        now = datetime.now(UTC)
        async with self._trail.transaction():
            # Ending all sessions and changing the password are one step, which this one stands before or behind.
            if (
                not await User.select_for_update()
                .filter(id=user.id, password_hash=user.password_hash)
                .first()
            ):
                raise SignInRefused("the password was changed while it was proved")
            await UserSession.filter(user_id=user.id, expires_at__lt=now).delete()
            session = await UserSession.create(
                user=user,
                kind=kind,
                name=name,
                scopes=_ALL_SCOPES,
                expires_at=now + _TTL[kind],
                last_seen_at=now,
                ip=caller.ip,
                user_agent=caller.user_agent,
            )
            tokens = await self._issue(session, now)
            await self._record("session.started", session, caller)
        return tokens

    async def refresh(self, token: SecretStr, *, caller: Caller) -> Tokens:
        """Exchange a refresh token for the next pair; each is good for one exchange (RFC 9700, 4.14.2).

        Raises:
            AlreadyRefreshed: another request used it a moment ago; the session goes on.
            NotAuthenticated: it is not valid; where it was used long ago, two hold it and the session has ended.
        """
        now, token_hash = datetime.now(UTC), hashed(token.get_secret_value())
        async with attempt(self._trail, "session.refreshed", caller=caller):
            async with self._trail.transaction():
                used = await connections.get("default").execute_query_dict(_USE, [token_hash, now])
                if used:
                    return await self._exchange(used[0]["session_id"], now, caller)
            await self._detect_reuse(token_hash, now, caller)
            raise NotAuthenticated("the refresh token is not valid", challenge=INVALID_TOKEN)

    async def list_sessions(self, user_id: UUID) -> Sequence[UserSession]:
        """List the sessions of a user that have not expired, the newest first; personal tokens stand elsewhere."""
        alive = UserSession.filter(user_id=user_id, expires_at__gt=datetime.now(UTC))
        return await alive.exclude(kind=SessionKind.PERSONAL).order_by("-id")

    async def rename(self, user_id: UUID, session_id: UUID, *, name: str, caller: Caller) -> UserSession:
        """Give a session of a user another name.

        Raises:
            NotFound: the user has no such session.
        """
        async with (
            attempt(self._trail, "session.renamed", caller=caller, user_id=user_id),
            self._trail.transaction(),
        ):
            session = await UserSession.get_or_none(id=session_id, user_id=user_id)
            if session is None:
                raise NotFound(f"the user has no session {session_id}")
            session.name = name
            await session.save(update_fields=["name"])
            await self._record("session.renamed", session, caller)
        return session

    async def end(self, user_id: UUID, session_id: UUID, *, caller: Caller) -> None:
        """End one session of a user; its tokens are refused from the next request on, by every process.

        Raises:
            NotFound: the user has no such session.
            CacheNotReady: nothing has ended, because not every process could be told.
        """
        async with (
            attempt(self._trail, "session.ended", caller=caller, user_id=user_id),
            self._trail.transaction(),
        ):
            session = await UserSession.get_or_none(id=session_id, user_id=user_id)
            if session is None:
                raise NotFound(f"the user has no session {session_id}")
            await self._end([session], caller, action="session.ended")

    async def end_all(self, user_id: UUID, *, caller: Caller, except_id: UUID | None = None) -> int:
        """End every session and personal token of a user, but one where it is named; answers how many.

        Raises:
            CacheNotReady: nothing has ended, because not every process could be told.
        """
        async with self._trail.transaction():
            sessions = [s for s in await UserSession.filter(user_id=user_id) if s.id != except_id]
            await self._end(sessions, caller, action="session.ended")
        return len(sessions)

    async def end_earlier(self, token: SecretStr, *, caller: Caller) -> None:
        """End the session whose token a browser held until it signed in again, whoever's it was."""
        held = await UserSession.get_or_none(tokens__token_hash=hashed(token.get_secret_value()))
        if held is not None:
            with suppress(NotFound):
                await self.end(held.user_id, held.id, caller=caller)

    async def forget_all(self, user_id: UUID) -> None:
        """Make every process ask again about all sessions of a user, in the surrounding database transaction."""
        await self._identities.forget([s.id for s in await UserSession.filter(user_id=user_id)])

    async def _exchange(self, session_id: UUID, now: datetime, caller: Caller) -> Tokens:
        session = await UserSession.get(id=session_id)
        session.last_seen_at, session.ip = now, caller.ip
        await session.save(update_fields=["last_seen_at", "ip"])
        # Requests that are on their way with the old access token may arrive; only what has expired goes.
        await SessionToken.filter(session_id=session_id, kind=TokenKind.ACCESS, expires_at__lt=now).delete()
        tokens = await self._issue(session, now)
        await self._record("session.refreshed", session, caller)
        return tokens

    async def _detect_reuse(self, token_hash: str, now: datetime, caller: Caller) -> None:
        """End the session of a refresh token that was used before: two hold it."""
        found = await SessionToken.get_or_none(token_hash=token_hash, kind=TokenKind.REFRESH)
        if found is None or found.used_at is None:
            return
        is_overtaken = await SessionToken.filter(
            session_id=found.session_id, kind=TokenKind.REFRESH, used_at__gt=found.used_at
        ).exists()
        if found.used_at > now - REFRESH_GRACE and not is_overtaken:
            raise AlreadyRefreshed(f"the session {found.session_id} was refreshed {now - found.used_at} ago")
        async with self._trail.transaction():
            session = await UserSession.get_or_none(id=found.session_id)
            await self._end(
                [session] if session else [], caller, action="session.reuse_detected", actor=ANONYMOUS
            )

    async def _end(
        self, sessions: Collection[UserSession], caller: Caller, *, action: str, actor: str | None = None
    ) -> None:
        ids = [session.id for session in sessions]
        await self._identities.forget(ids)
        await UserSession.filter(id__in=ids).delete()
        for session in sessions:
            await self._record(action, session, caller, actor=actor)

    async def _issue(self, session: UserSession, now: datetime) -> Tokens:
        is_browser = session.kind is SessionKind.BROWSER
        access = new_token(Mark.BROWSER if is_browser else Mark.ACCESS)
        access_ttl = session.expires_at - now if is_browser else min(ACCESS_TTL, session.expires_at - now)
        await _store(session, TokenKind.ACCESS, access, now + access_ttl)
        if is_browser:
            return Tokens(session, access, access_ttl)
        refresh = new_token(Mark.REFRESH)
        await _store(session, TokenKind.REFRESH, refresh, min(now + PROGRAM_IDLE_TTL, session.expires_at))
        return Tokens(session, access, access_ttl, refresh)

    async def _record(
        self, action: str, session: UserSession, caller: Caller, *, actor: str | None = None
    ) -> None:
        await self._trail.record(
            action,
            Outcome.DENIED if action == "session.reuse_detected" else Outcome.SUCCEEDED,
            actor=actor or user_actor(session.user_id),
            user_id=session.user_id,
            caller=caller,
            details={"session_id": str(session.id), "kind": session.kind},
        )


async def _store(session: UserSession, kind: TokenKind, token: SecretStr, expires_at: datetime) -> None:
    await SessionToken.create(
        session=session, kind=kind, token_hash=hashed(token.get_secret_value()), expires_at=expires_at
    )
