"""Does a thing once, however often it is asked for (draft-ietf-httpapi-idempotency-key-header-07).

The answer is written in the very database transaction that does the thing, so there is no moment at which one is there
without the other: whoever was killed before its commit did nothing, and whoever was killed after it can be asked again.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import SecretStr
from tortoise.connection import get_connection

from dashtam.audit.trail import AuditTrail
from dashtam.models import StoredAnswer
from dashtam.sealing.cipher import Context
from dashtam.sealing.columns import STORED_ANSWER
from dashtam.sealing.keys import Keys
from dashtam.web.errors import KeyInUse, KeyReused

ANSWER_TTL: Final = timedelta(hours=24)
_SUCCEEDED: Final = range(200, 300)
_LOCK: Final = "SELECT pg_try_advisory_xact_lock($1) AS is_ours"
_MAX_FORGOTTEN: Final = 100


@dataclass(frozen=True)
class IdempotencyKey:
    """The right to do one thing once: a user's key, on one route."""

    user_id: UUID
    route: str
    key: str

    @property
    def key_hash(self) -> str:
        """What is stored of the key."""
        return hashlib.sha256(self.key.encode()).hexdigest()

    @property
    def context(self) -> Context:
        """Where its answer is sealed for."""
        return STORED_ANSWER.context(f"{self.route}:{self.key_hash}", self.user_id)

    @property
    def lock(self) -> int:
        """The advisory lock of PostgreSQL that stands for it: 64 bits, signed."""
        text = f"stored_answer:{self.user_id}:{self.route}:{self.key_hash}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], signed=True)


@dataclass(frozen=True)
class KeptResponse:
    """What a client was told."""

    status: int
    headers: dict[str, str]
    body: str


class _NotKept(Exception):
    """Rolls back what was answered with anything but a success."""

    def __init__(self, answer: KeptResponse) -> None:
        self.answer = answer
        super().__init__()


async def respond_once(
    key: IdempotencyKey,
    *,
    fingerprint: str,
    keys: Keys,
    trail: AuditTrail,
    act: Callable[[], Awaitable[KeptResponse]],
) -> tuple[KeptResponse, bool]:
    """Act and keep the answer, or tell what was answered before; true: it was told again.

    `act` runs inside of a database transaction, and so does every query in it. Only a success is kept: where it raises
    or answers anything else, all that it wrote is rolled back but for audit entries of what was denied or failed, and
    the same key may try again.

    Raises:
        KeyInUse: 409, a request with this key is being answered at this moment.
        KeyReused: 422, the key came before, with another fingerprint.
        SealError: the answer was sealed with a key that is gone.
    """
    try:
        async with trail.transaction():
            return await _replay_or_act(key, fingerprint, keys, act)
    except _NotKept as not_kept:
        return not_kept.answer, False


async def _replay_or_act(
    key: IdempotencyKey, fingerprint: str, keys: Keys, act: Callable[[], Awaitable[KeptResponse]]
) -> tuple[KeptResponse, bool]:
    await _lock(key)
    if (stored := await _find(key)) is not None:
        return await _opened(stored, key, fingerprint, keys), True
    answer = await act()
    if answer.status not in _SUCCEEDED:
        raise _NotKept(answer)
    await _store(key, answer, fingerprint, keys)
    return answer, False


async def _lock(key: IdempotencyKey) -> None:
    if not (await get_connection("default").execute_query_dict(_LOCK, [key.lock]))[0]["is_ours"]:
        raise KeyInUse(f"{key.route} is at work on this key of {key.user_id}")


async def _find(key: IdempotencyKey) -> StoredAnswer | None:
    found = StoredAnswer.filter(user_id=key.user_id, route=key.route, key_hash=key.key_hash)
    return await found.filter(expires_at__gt=datetime.now(UTC)).first()


async def _store(key: IdempotencyKey, answer: KeptResponse, fingerprint: str, keys: Keys) -> None:
    await StoredAnswer.filter(user_id=key.user_id, route=key.route, key_hash=key.key_hash).delete()
    # The fingerprint is sealed too: a hash of a body that holds a password would let it be guessed.
    text = json.dumps({"fingerprint": fingerprint, **asdict(answer)})
    sealed = await keys.seal(SecretStr(text), context=key.context)
    await StoredAnswer.create(
        user_id=key.user_id,
        route=key.route,
        key_hash=key.key_hash,
        answer_sealed=sealed.value,
        expires_at=datetime.now(UTC) + ANSWER_TTL,
    )
    await _forget_expired()


async def _forget_expired() -> None:
    """Remove a few, and none that another request looks at: nobody waits for the cleaning."""
    expired = StoredAnswer.filter(expires_at__lt=datetime.now(UTC)).limit(_MAX_FORGOTTEN)
    ids = await expired.select_for_update(skip_locked=True).values_list("id", flat=True)
    await StoredAnswer.filter(id__in=ids).delete()


async def _opened(stored: StoredAnswer, key: IdempotencyKey, fingerprint: str, keys: Keys) -> KeptResponse:
    text = await keys.open(bytes(stored.answer_sealed), context=key.context)
    fields = json.loads(text.get_secret_value())
    if fields.pop("fingerprint") != fingerprint:
        raise KeyReused(f"{key.route} has answered this key of {key.user_id} for another request")
    return KeptResponse(**fields)
