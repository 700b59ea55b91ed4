"""The audit trail: what happened, written once."""

from ipaddress import ip_address
from typing import Any, Final
from uuid import UUID

from dashtam.models import AuditEntry, Outcome

SYSTEM: Final = "system"
ANONYMOUS: Final = "anonymous"
_MOST_USER_AGENT: Final = 512


def user_actor(user_id: UUID) -> str:
    """Spell the actor that a signed-in user is."""
    return f"user:{user_id}"


async def record(
    action: str,
    outcome: Outcome,
    *,
    actor: str,
    user_id: UUID | None = None,
    connection_id: UUID | None = None,
    provider_id: UUID | None = None,
    ip: str | None = None,
    user_agent: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Write one entry, in the surrounding database transaction where there is one.

    `action` is a past-tense fact, dotted (`connection.activated`); `details` never holds a secret. What a stranger
    sent, as the user agent is, is stored printable and cut.
    """
    await AuditEntry.create(
        action=action,
        outcome=outcome,
        actor=actor,
        user_id=user_id,
        connection_id=connection_id,
        provider_id=provider_id,
        ip=_address(ip),
        user_agent=None if user_agent is None else _printable(user_agent)[:_MOST_USER_AGENT],
        details=details or {},
    )


def _address(ip: str | None) -> str | None:
    """Keep what is an address; a peer on a unix socket has none."""
    try:
        return None if ip is None else str(ip_address(ip.partition("%")[0]))
    except ValueError:
        return None


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
