"""What becomes of the answers that providers send to the callback."""

from datetime import timedelta
from typing import Final, NoReturn

from dashtam.cache import Cache, refused_callbacks
from dashtam.errors import AuthorizationNotPending, TooManyRequests
from dashtam.models import Outcome
from dashtam.services import audit

MOST_REFUSED: Final = 30
"""Audited refusals of one address in a minute: the audit trail is never emptied, so a stranger must not fill it."""
_WINDOW: Final = timedelta(minutes=1)


async def refuse_answer(*, provider_key: str, ip: str, user_agent: str | None, cache: Cache) -> NoReturn:
    """Refuse an answer that nothing waits for, and audit it.

    This release cannot begin an authorization, so none is ever pending. What the answer says (code, state, error) is
    not even read.

    Raises:
        AuthorizationNotPending: always, but
        TooManyRequests: this address was refused too often; nothing is audited then.
    """
    if await cache.count(refused_callbacks(ip), window=_WINDOW) > MOST_REFUSED:
        raise TooManyRequests(f"more than {MOST_REFUSED} callbacks refused in {_WINDOW}")
    await audit.record(
        "authorization.refused",
        Outcome.DENIED,
        actor=audit.ANONYMOUS,
        ip=ip,
        user_agent=user_agent,
        details={"provider_key": provider_key, "reason": "not_pending"},
    )
    raise AuthorizationNotPending(f"nothing waits for an answer of {provider_key}")
