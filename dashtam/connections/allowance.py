"""How many connections one user may have: whoever starts attempt after attempt must not fill the database."""

from typing import Final
from uuid import UUID

from dashtam.connections.errors import TooManyConnections
from dashtam.models import ConnectionStatus, ProviderConnection, User

MAX_CONNECTIONS: Final = 100
"""Of one user that have not ended, whether they work or not."""
MAX_PENDING: Final = 20
"""Of them, those whose provider has not answered yet."""


async def lock_owner(user_id: UUID) -> None:
    """Let what is counted of one user be counted by one at a time, until the surrounding database transaction ends.

    It is taken before any lock on a connection. Rows that only name the user (foreign keys) are not kept waiting.
    """
    await User.select_for_update(no_key=True).filter(id=user_id).first()


async def check_limit(
    user_id: UUID, earlier: ConnectionStatus | None, *, is_pending: bool
) -> TooManyConnections | None:
    """Say why a connection of a user may not begin; None: it may, as long as the user is locked.

    `earlier` is where it stands now, None where it is new; `is_pending`, whether it waits for its provider then.
    """
    theirs = ProviderConnection.filter(user_id=user_id)
    if earlier in {None, ConnectionStatus.REVOKED}:
        count = await theirs.exclude(status=ConnectionStatus.REVOKED).count()
        if count >= MAX_CONNECTIONS:
            return TooManyConnections(
                f"You have {count} that have not ended; at most {MAX_CONNECTIONS} may stand at once. "
                "Disconnect or delete one that you do not need."
            )
    if is_pending and earlier is not ConnectionStatus.PENDING:
        count = await theirs.filter(status=ConnectionStatus.PENDING).count()
        if count >= MAX_PENDING:
            return TooManyConnections(
                f"You have {count} that wait to be completed; at most {MAX_PENDING} may wait at once. "
                "Complete, disconnect or delete one of them."
            )
    return None


async def require_room(user_id: UUID, earlier: ConnectionStatus | None, *, is_pending: bool) -> None:
    """Lock a user, and check that a connection of theirs may begin.

    Raises:
        TooManyConnections: says what was seen, and what is allowed.
    """
    await lock_owner(user_id)
    if limit_error := await check_limit(user_id, earlier, is_pending=is_pending):
        raise limit_error
