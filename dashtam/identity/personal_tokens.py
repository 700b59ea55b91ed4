"""Personal access tokens: for scripts, with a name, a scope and an end."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from dashtam.audit.attempts import attempt
from dashtam.audit.caller import Caller
from dashtam.audit.trail import AuditTrail, user_actor
from dashtam.errors import InvalidRequest
from dashtam.identity.sessions import Sessions, Tokens
from dashtam.models import Outcome, SessionKind, SessionToken, TokenKind, UserSession
from dashtam.security.tokens import Mark, hashed, new_token

MAX_TOKENS: Final = 50


_SCOPES: Final = {"read": "read", "write": "read write"}


class PersonalTokens:
    """Sessions without a sign-in, each with one token that its user carries to a script."""

    def __init__(self, sessions: Sessions, trail: AuditTrail) -> None:
        self._sessions = sessions
        self._trail = trail

    async def create(self, user_id: UUID, *, name: str, scope: str, ttl: timedelta, caller: Caller) -> Tokens:
        """Make a token to "read", or to "write" as well; it is shown this once.

        Raises:
            InvalidRequest: the user has as many as anybody may.
        """
        now, token = datetime.now(UTC), new_token(Mark.PERSONAL)
        async with (
            attempt(self._trail, "personal_token.created", caller=caller, user_id=user_id),
            self._trail.transaction(),
        ):
            if await UserSession.filter(user_id=user_id, kind=SessionKind.PERSONAL).count() >= MAX_TOKENS:
                raise InvalidRequest(f"the user has {MAX_TOKENS} personal tokens")
            session = await UserSession.create(
                user_id=user_id,
                kind=SessionKind.PERSONAL,
                name=name,
                scopes=_SCOPES[scope],
                expires_at=now + ttl,
                last_seen_at=now,
                ip=caller.ip,
                user_agent=caller.user_agent,
            )
            await SessionToken.create(
                session=session,
                kind=TokenKind.ACCESS,
                token_hash=hashed(token.get_secret_value()),
                expires_at=session.expires_at,
            )
            await self._trail.record(
                "personal_token.created",
                Outcome.SUCCEEDED,
                actor=user_actor(user_id),
                user_id=user_id,
                caller=caller,
                details={"session_id": str(session.id), "scope": scope},
            )
        return Tokens(session, token, ttl)

    async def list_tokens(self, user_id: UUID) -> Sequence[UserSession]:
        """List the tokens of a user that have not expired, the newest first."""
        return await UserSession.filter(
            user_id=user_id, kind=SessionKind.PERSONAL, expires_at__gt=datetime.now(UTC)
        ).order_by("-id")

    async def end(self, user_id: UUID, token_id: UUID, *, caller: Caller) -> None:
        """End a token of a user.

        Raises:
            NotFound: the user has no such token.
        """
        await self._sessions.end(user_id, token_id, caller=caller)
