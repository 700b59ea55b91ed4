"""The data keys of this installation: each process unwraps them once, and notices within seconds when others change.

sealed = await keys.seal(secret, context=ACCESS_TOKEN.context(token.id, user_id, token.version))
token.access_token_sealed, token.key_id = sealed
"""

import asyncio
import contextvars
import math
import time
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from pydantic import SecretStr
from tortoise.connection import get_connection

from dashtam.audit.trail import SYSTEM, AuditTrail
from dashtam.models import EncryptionKey, KeyState, Outcome
from dashtam.sealing import layout_v1
from dashtam.sealing.cipher import LAYOUT, Context, DataKey, Sealed
from dashtam.sealing.envelope import Envelope
from dashtam.sealing.errors import SealError
from dashtam.sealing.wrapping import Wrapper, new_key_id

RELOAD_SECONDS: Final = 5.0
"""How long a process believes what it knows: that much later at most it seals with the key that was promoted."""
_MAKE_SECONDS: Final = 20.0
_NEVER_READ: Final = -math.inf
_LAYOUT: Final = LAYOUT.encode()
# An answer of the database, not of us, decides who is the first: a partial unique index allows one active key.
_INSERT_FIRST: Final = """
INSERT INTO encryption_keys (id, wrapped, wrapping_key_id, state, promoted_at)
VALUES ($1, $2, $3, 'active', CURRENT_TIMESTAMP) ON CONFLICT DO NOTHING RETURNING id
"""


class Keys:
    """Seals with the active data key, opens with each that is not retired; nothing is read before the first use."""

    def __init__(
        self,
        settings_keys: Mapping[str, bytes],
        *,
        environment: str,
        trail: AuditTrail,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wrapper = Wrapper(settings_keys, environment=environment)
        self._earlier = layout_v1.EarlierCipher(settings_keys)
        self._trail = trail
        self._clock = clock
        self._known: dict[str, DataKey] = {}
        self._faults: dict[str, str] = {}
        self._active = ""
        self._spelled: dict[bytes, DataKey] = {}
        self._stale_at = _NEVER_READ

    async def seal(self, secret: SecretStr, *, context: Context) -> Sealed:
        """Encrypt a secret for one place with the active key; the first of all makes that key.

        Raises:
            SealError: the settings lack the key that wraps the active one.
        """
        if self._clock() > self._stale_at:
            await self.reload()
        return (self._known.get(self._active) or self._find(self._active)).seal(secret, context=context)

    async def open(self, sealed: bytes, *, context: Context) -> SecretStr:
        """Decrypt what was sealed for the same place.

        Raises:
            SealError: not a sealed value, its key is unknown, retired or not to be unwrapped, or the value was changed
                or moved. Nothing of it is ever returned then, nor quoted.
        """
        envelope = Envelope.parse(sealed)
        if envelope.layout != _LAYOUT:
            return self._open_earlier(envelope, context)
        if self._clock() > self._stale_at:
            await self.reload()
        key = self._spelled.get(envelope.key_id)
        if key is None:  # another process seals with it already
            await self.reload()
            key = self._find(envelope.key_id.decode(errors="replace"))
        return key.open(envelope, context=context)

    def _open_earlier(self, envelope: Envelope, context: Context) -> SecretStr:
        if envelope.layout != layout_v1.LAYOUT.encode():
            raise SealError(
                f"sealed in the layout {envelope.layout!r}; expected {LAYOUT} or {layout_v1.LAYOUT}"
            )
        return self._earlier.open(envelope, context=context)

    async def reload(self) -> None:
        """Read which keys there are, and unwrap those that are new; makes the very first one."""
        before, stale_at = self._stale_at, self._clock() + RELOAD_SECONDS
        if self._known:
            self._stale_at = stale_at  # who comes meanwhile does not ask too
        try:
            rows = await EncryptionKey.exclude(state=KeyState.RETIRED)
            if not any(row.state is KeyState.ACTIVE for row in rows):
                await self._make_first()
                rows = await EncryptionKey.exclude(state=KeyState.RETIRED)
        except BaseException:
            self._stale_at = before
            raise
        self._take(rows)
        self._stale_at = stale_at

    async def find_faults(self) -> Mapping[str, str]:
        """Say of each data key that cannot be unwrapped why; reads them anew."""
        await self.reload()
        return dict(self._faults)

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the data keys that open, as they were read last."""
        return frozenset(self._known)

    @property
    def checks(self) -> Mapping[str, str]:
        """Data key to what tells it from others, as they were read last."""
        return {key_id: key.check for key_id, key in self._known.items()}

    @property
    def settings_ids(self) -> frozenset[str]:
        """The ids of the keys of the settings."""
        return self.wrapper.key_ids

    @property
    def active(self) -> DataKey:
        """The key that seals, as it was read last."""
        return self._find(self._active)

    def _take(self, rows: list[EncryptionKey]) -> None:
        known: dict[str, DataKey] = {}
        faults: dict[str, str] = {}
        for row in rows:
            try:
                # What was unwrapped stays: under one id there is one key, whichever key of the settings wraps it now.
                known[row.id] = self._known.get(row.id) or self.wrapper.unwrap(row.id, row.wrapped or b"")
            except SealError as error:
                faults[row.id] = str(error)
        self._known, self._faults = known, faults
        self._spelled = {key_id.encode(): key for key_id, key in known.items()}
        self._active = next((row.id for row in rows if row.state is KeyState.ACTIVE), "")

    def _find(self, key_id: str) -> DataKey:
        if key_id in self._known:
            return self._known[key_id]
        raise SealError(self._faults.get(key_id, f"there is no data key {key_id!r}, or it is retired"))

    async def _make_first(self) -> None:
        """Make the first key in a database transaction of its own: whoever seals may yet roll theirs back.

        The task begins in an empty context, so neither the database transaction nor the audit block of the caller is
        its own.
        """
        task = asyncio.create_task(self._insert_first(), context=contextvars.Context())
        try:
            async with asyncio.timeout(_MAKE_SECONDS):
                await task
        except TimeoutError:
            raise SealError(
                f"no first data key within {_MAKE_SECONDS:.0f} seconds: the database gave no second connection"
            ) from None

    async def _insert_first(self) -> None:
        key_id = new_key_id()
        wrapped = self.wrapper.make(key_id)
        async with self._trail.transaction():
            values = [key_id, wrapped.value, wrapped.key_id]
            if await get_connection("default").execute_query_dict(_INSERT_FIRST, values):
                details = {"key_id": key_id, "wrapping_key_id": wrapped.key_id}
                await self._trail.record("key.created", Outcome.SUCCEEDED, actor=SYSTEM, details=details)

    def __repr__(self) -> str:
        return f"Keys({', '.join(map(repr, self._known))})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are never pickled: they would stand there in clear")
