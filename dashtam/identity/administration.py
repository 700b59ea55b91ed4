"""What an administrator does with users: sees who there is, and says what each may do."""

from collections.abc import Sequence
from uuid import UUID

from dashtam.audit.attempts import attempt
from dashtam.audit.caller import Caller
from dashtam.audit.trail import AuditTrail, user_actor
from dashtam.errors import NotFound
from dashtam.identity.errors import LastAdministrator
from dashtam.identity.sessions import Sessions
from dashtam.models import Outcome, Role, User


class Administration:
    """Users, as an administrator sees them."""

    def __init__(self, sessions: Sessions, trail: AuditTrail) -> None:
        self._sessions = sessions
        self._trail = trail

    async def list_users(self, *, limit: int, after: UUID) -> Sequence[User]:
        """List at most `limit` users whose id comes after `after`, the oldest first."""
        return await User.filter(id__gt=after).order_by("id").limit(limit)

    async def set_role(self, user_id: UUID, role: str, *, actor_id: UUID, caller: Caller) -> User:
        """Say what a user may do, from the next request on.

        Raises:
            NotFound: there is no such user.
            LastAdministrator: nobody would be left to say what users may do.
            CacheNotReady: nothing has changed, because not every process could be told.
        """
        async with attempt(self._trail, "user.role_changed", caller=caller), self._trail.transaction():
            # All administrators are locked, so that two of them cannot demote each other at the same moment.
            administrators = await User.select_for_update().filter(role=Role.ADMIN).order_by("id")
            user = await User.select_for_update().get_or_none(id=user_id)
            if user is None:
                raise NotFound(f"there is no user {user_id}")
            if [admin.id for admin in administrators] == [user_id] and Role(role) is not Role.ADMIN:
                raise LastAdministrator(f"the user {user_id} is the only administrator")
            user.role = Role(role)
            await user.save(update_fields=["role"])
            await self._sessions.forget_all(user_id)
            await self._trail.record(
                "user.role_changed",
                Outcome.SUCCEEDED,
                actor=user_actor(actor_id),
                user_id=user_id,
                caller=caller,
                details={"role": role},
            )
        return user
