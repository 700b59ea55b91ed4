"""Tokens of ended connections: queued in the database transaction that ends them, until their provider was told.

A token that the provider was not told about has to be believed alive (RFC 7009, 2.2.1), so a failure is tried again,
later and later, until the token would have ended by itself or a week has passed.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import SecretStr
from tortoise import connections
from uuid_utils.compat import uuid7

from dashtam.audit.trail import SYSTEM, AuditTrail
from dashtam.errors import DashtamError
from dashtam.logs.pipeline import get_logger
from dashtam.models import Outcome, Provider, ProviderConnection, ProviderToken, Revocation
from dashtam.providers.base import TokenGrant
from dashtam.providers.errors import GrantRefused, ProviderFailure
from dashtam.providers.registry import Registry
from dashtam.sealing.columns import REVOKED_TOKEN
from dashtam.sealing.errors import SealError
from dashtam.sealing.keys import Keys
from dashtam.tokens.store import open_grant

MAX_PATIENCE: Final = timedelta(days=7)
LEASE: Final = timedelta(minutes=2)
"""How long one attempt has; a process that was killed in it is followed by another after that."""
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=6)
_MAX_DOUBLINGS: Final = 12
# One statement takes a row for one process, and says so in the row: nothing is locked while the provider is asked.
_TAKE: Final = """
UPDATE revocations SET due_at = $2, attempts = attempts + 1, updated_at = now()
WHERE id = (
    SELECT id FROM revocations WHERE due_at <= $1 AND ($3::uuid[] IS NULL OR connection_id = ANY($3::uuid[]))
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""
_log = get_logger(__name__)


class _NoWay(Exception):
    """This provider offers no way to be told."""


@dataclass(frozen=True)
class _Secret:
    token: SecretStr
    hint: str
    ends_at: datetime | None


async def queue_stored(connection_ids: Collection[UUID], *, keys: Keys, trail: AuditTrail) -> None:
    """Move what is stored for some connections into the queue, in the surrounding database transaction.

    The connections are locked by the caller, so that nobody stores another grant meanwhile. A token that does not open
    is dropped: nobody can use it here, nor tell its provider about it; that is audited.
    """
    for token in await ProviderToken.filter(connection_id__in=connection_ids).select_for_update():
        connection = await ProviderConnection.get(id=token.connection_id)
        try:
            grant = await open_grant(connection.id, keys=keys)
        except SealError as error:
            _log.error("a token cannot be revoked", connection_id=str(connection.id), reason=str(error))
            await _record(trail, connection, Outcome.FAILED, {"reason": "unreadable"})
        else:
            await queue_grant(connection, grant, keys=keys)
        await token.delete()


async def queue_grant(connection: ProviderConnection, grant: TokenGrant, *, keys: Keys) -> None:
    """Queue the secrets of a grant that nobody shall use, the refresh token first, as it may get more of the other."""
    now = datetime.now(UTC)
    for secret in _secrets(grant):
        ends_at = min(secret.ends_at or now + MAX_PATIENCE, now + MAX_PATIENCE)
        if ends_at > now:
            await _queue(connection, secret, ends_at, now, keys)


async def revoke_due(
    *,
    registry: Registry,
    keys: Keys,
    trail: AuditTrail,
    connection_ids: Collection[UUID] | None = None,
    most: int = 100,
) -> int:
    """Tell providers about tokens that are due, and answer how many attempts were made; any number of processes may.

    `connection_ids` are those whose tokens to look at; None: all. What a provider answers is audited where it is the
    end of it: told, no way to tell, or given up.
    """
    wanted = None if connection_ids is None else list(connection_ids)
    for attempts in range(most):
        now = datetime.now(UTC)
        rows = await connections.get("default").execute_query_dict(_TAKE, [now, now + LEASE, wanted])
        if not rows:
            return attempts
        await _attempt(await Revocation.get(id=rows[0]["id"]), registry, keys, trail)
    return most


def pause_before(attempt: int, *, retry_after: timedelta | None) -> timedelta:
    """How long to wait after so many failed attempts: doubling, and never less than the provider asked for.

    It is drawn between half and all of that, so that the tokens of a provider that was away do not come back at once.
    """
    doublings = min(max(attempt - 1, 0), _MAX_DOUBLINGS)
    whole = min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)
    drawn = whole * ((1 + secrets.randbelow(1001) / 1000) / 2)
    return max(drawn, retry_after or timedelta(0))


def _secrets(grant: TokenGrant) -> list[_Secret]:
    access = _Secret(grant.access_token, "access_token", grant.expires_at)
    if grant.refresh_token is None:
        return [access]
    return [_Secret(grant.refresh_token, "refresh_token", grant.refresh_expires_at), access]


async def _queue(
    connection: ProviderConnection, secret: _Secret, ends_at: datetime, now: datetime, keys: Keys
) -> None:
    row_id = uuid7()
    sealed = await keys.seal(secret.token, context=REVOKED_TOKEN.context(row_id, connection.user_id))
    await Revocation.create(
        id=row_id,
        provider_id=connection.provider_id,
        user_id=connection.user_id,
        connection_id=connection.id,
        token_sealed=sealed.value,
        token_type_hint=secret.hint,
        key_id=sealed.key_id,
        due_at=now,
        expires_at=ends_at,
    )


async def _attempt(row: Revocation, registry: Registry, keys: Keys, trail: AuditTrail) -> None:
    try:
        await _revoke(row, registry, keys)
    except _NoWay:
        await _close(row, trail, Outcome.FAILED, "not_offered")
    except (ProviderFailure, SealError) as error:
        await _postpone(row, error, trail)
    else:
        await _close(row, trail, Outcome.SUCCEEDED, None)


async def _revoke(row: Revocation, registry: Registry, keys: Keys) -> None:
    provider = await Provider.get(id=row.provider_id)
    adapter = registry.find(provider.key)
    if adapter is None or not adapter.is_configured:
        raise ProviderFailure(f"nothing speaks to {provider.key} here", detail="not_connectable")
    token = await keys.open(row.token_sealed, context=REVOKED_TOKEN.context(row.id, row.user_id))
    try:
        if not await adapter.revoke(token, hint=row.token_type_hint):
            raise _NoWay
    except GrantRefused:
        return  # it is dead already, which is all that is wanted


async def _postpone(row: Revocation, error: DashtamError, trail: AuditTrail) -> None:
    retry_after = error.retry_after if isinstance(error, ProviderFailure) else None
    detail = error.detail if isinstance(error, ProviderFailure) else error.code
    due_at = datetime.now(UTC) + pause_before(row.attempts, retry_after=retry_after)
    _log.warning(
        "a provider was not told of a token", revocation_id=str(row.id), attempts=row.attempts, reason=detail
    )
    if due_at >= row.expires_at:
        await _close(row, trail, Outcome.FAILED, detail)
    else:
        await Revocation.filter(id=row.id).update(due_at=due_at, failure=detail[:64])


async def _close(row: Revocation, trail: AuditTrail, outcome: Outcome, reason: str | None) -> None:
    async with trail.transaction():
        if await Revocation.filter(id=row.id).delete():
            details = {"token_type": row.token_type_hint, "attempts": row.attempts}
            await _record(trail, row, outcome, details | ({} if reason is None else {"reason": reason}))


async def _record(
    trail: AuditTrail, about: Revocation | ProviderConnection, outcome: Outcome, details: dict[str, object]
) -> None:
    await trail.record(
        "token.revoked",
        outcome,
        actor=SYSTEM,
        user_id=about.user_id,
        connection_id=about.connection_id if isinstance(about, Revocation) else about.id,
        provider_id=about.provider_id,
        details=details,
    )
