"""Audits attempts that come to nothing; what succeeds is audited by whoever does it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from uuid import UUID

from dashtam.audit.caller import Caller
from dashtam.audit.trail import ANONYMOUS, AuditTrail, user_actor
from dashtam.errors import DashtamError
from dashtam.models import Outcome


@asynccontextmanager
async def attempt(
    trail: AuditTrail, action: str, *, caller: Caller, user_id: UUID | None = None, is_theirs: bool = True
) -> AsyncIterator[None]:
    """Write an entry where what is tried ends with one of our errors, whose code is the reason.

    It stands outside of the database transaction of the attempt, which is rolled back by then. `user_id` is whom the
    attempt is about; whoever has not proved to be them is anonymous.
    """
    try:
        yield
    except DashtamError as error:
        is_ours = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        await trail.record(
            action,
            Outcome.FAILED if is_ours else Outcome.DENIED,
            actor=user_actor(user_id) if user_id and is_theirs else ANONYMOUS,
            user_id=user_id,
            caller=caller,
            details={"reason": error.code},
        )
        raise
