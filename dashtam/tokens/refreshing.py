"""Keeps tokens valid: whoever needs one gets a valid one, or an honest word why there is none.

Many may ask at once, in many processes; one of them refreshes. It holds a lock in Redis, and what it stores is fenced
by the version of the row that it read. The lock spares the provider a second question; the fence alone decides.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import SecretStr

from dashtam.audit.attempts import attempt
from dashtam.audit.caller import Caller
from dashtam.audit.trail import AuditTrail, user_actor
from dashtam.cache import Cache, refresh_lock
from dashtam.errors import CacheNotReady
from dashtam.logs.pipeline import get_logger
from dashtam.models import ConnectionStatus, Outcome
from dashtam.providers.base import Profile
from dashtam.providers.errors import NotConnected, ProviderNotReady
from dashtam.sealing.errors import SealError
from dashtam.sealing.keys import Keys
from dashtam.tokens.attempt import RefreshAttempts, ValidToken, is_same
from dashtam.tokens.endings import is_alive
from dashtam.tokens.expiry import holds, is_due
from dashtam.tokens.store import Stored, find_stored, open_access

_log = get_logger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long a turn may be held and waited for; it outlives every call and every store that it is held for."""

    turn: timedelta = timedelta(seconds=60)
    wait: timedelta = timedelta(seconds=15)
    poll: timedelta = timedelta(milliseconds=50)


LIVE: Final = Patience()


class Refreshes:
    """The one way to a token that is to be used.

    Never call it inside a database transaction: what the provider replaced is stored in one of its own, which must not
    be undone with something else.
    """

    def __init__(
        self,
        cache: Cache,
        keys: Keys,
        trail: AuditTrail,
        attempts: RefreshAttempts,
        *,
        patience: Patience = LIVE,
    ) -> None:
        self._cache = cache
        self._keys = keys
        self._trail = trail
        self._attempts = attempts
        self._patience = patience
        self._running: set[asyncio.Task[ValidToken]] = set()

    async def get_valid(
        self, connection_id: UUID, *, user_id: UUID | None = None, rejected: SecretStr | None = None
    ) -> ValidToken:
        """Open a valid access token of a connection, of this user where one is named; refresh it if it is due.

        `rejected` is a token of this connection that the provider's API answered with 401, whatever we believed of it:
        it is refreshed once, and whoever comes later with the same one gets what is stored by then.

        Raises:
            NotFound: there is no such connection.
            NotConnected: its user has to connect again; the detail says why.
            ClientRefused: our settings are wrong.
            ProviderNotReady, ResponseUnusable: try again later; what is stored is kept.
            CacheNotReady: nobody can say who refreshes, so nobody does.
            SealError: what is stored does not open.
        """
        stored = await find_stored(connection_id, user_id=user_id)
        return await self._look(stored, rejected) or await self._take_turn(stored, rejected)

    async def refresh_leased(self, stored: Stored) -> ValidToken:
        """Refresh what the refresher has claimed and read, if it is due; the pause that a failure began is over then.

        Raises:
            As `get_valid`.
        """
        return await self._look(stored, None) or await self._take_turn(stored, None, is_claimed=True)

    async def ensure(self, connection_id: UUID, *, user_id: UUID, caller: Caller) -> None:
        """Make sure, at the wish of its user, that a connection has a valid token.

        Raises:
            As `get_valid`.
        """
        async with attempt(self._trail, "connection.checked", caller=caller, user_id=user_id):
            token = await self.get_valid(connection_id, user_id=user_id)
        await self._trail.record(
            "connection.checked",
            Outcome.SUCCEEDED,
            actor=user_actor(user_id),
            user_id=user_id,
            connection_id=connection_id,
            caller=caller,
            details={"version": token.version},
        )

    def profile_of(self, stored: Stored) -> Profile:
        """What is known of the provider of a connection."""
        return self._attempts.profile_of(stored)

    async def finish(self) -> None:
        """Wait for the refreshes that go on although nobody waits for them any more."""
        if self._running:
            await asyncio.wait(self._running)

    async def _look(self, stored: Stored, rejected: SecretStr | None) -> ValidToken | None:
        """What is stored, where it can be used as it is; None: somebody has to see to it.

        Raises:
            NotConnected: nobody but its user can.
        """
        if not is_alive(stored.status, stored.reason) or stored.token_id is None:
            raise NotConnected(
                f"the connection {stored.connection_id} is {stored.status}",
                detail=stored.reason or stored.status,
            )
        profile = self._attempts.profile_of(stored)
        if stored.status != ConnectionStatus.ACTIVE or is_due(stored.lifetimes, profile, datetime.now(UTC)):
            return None
        return await self._open(stored, rejected)

    async def _open(self, stored: Stored, rejected: SecretStr | None) -> ValidToken | None:
        try:
            access_token = await open_access(stored, self._keys)
        except SealError:
            return None  # whoever has the turn says so, and writes it down
        if is_same(access_token, rejected):
            return None
        return ValidToken(access_token, stored.expires_at, stored.scope, stored.version)

    async def _take_turn(
        self, stored: Stored, rejected: SecretStr | None, *, is_claimed: bool = False
    ) -> ValidToken:
        """Wait until nobody else refreshes; then either somebody has done it, or it is ours to do."""
        key, owner = refresh_lock(stored.connection_id), secrets.token_hex(16)
        deadline = time.monotonic() + self._patience.wait.total_seconds()
        try:
            # Our own name there is a claim whose answer was lost on the way.
            while await self._cache.set_if_absent(key, owner, ttl=self._patience.turn) not in {None, owner}:
                self._refuse_after(deadline)
                await asyncio.sleep(self._patience.poll.total_seconds())
                if (token := await self._look(await find_stored(stored.connection_id), rejected)) is not None:
                    return token
        except (CacheNotReady, ProviderNotReady):
            # Nobody may ask the provider, but a token that is not quite at its end can still be tried.
            if holds(stored.expires_at, datetime.now(UTC)) and (token := await self._open(stored, rejected)):
                return token
            raise
        task = asyncio.create_task(self._use_turn(stored, rejected, owner, is_claimed=is_claimed))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # Whoever asked may go away; the answer of the provider is stored nevertheless.
        return await asyncio.shield(task)

    def _refuse_after(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise ProviderNotReady(
                f"somebody else refreshes it, for more than {self._patience.wait}",
                detail="refresh_takes_long",
                retry_after=timedelta(seconds=5),
            )

    async def _use_turn(
        self, stored: Stored, rejected: SecretStr | None, owner: str, *, is_claimed: bool
    ) -> ValidToken:
        try:
            stored = await find_stored(stored.connection_id)
            if (token := await self._look(stored, rejected)) is not None:
                return token
            return await self._attempts.run(stored, rejected, is_claimed=is_claimed)
        finally:
            await self._give_back(refresh_lock(stored.connection_id), owner)

    async def _give_back(self, key: str, owner: str) -> None:
        try:
            if not await self._cache.release(key, owner):
                _log.warning("refresh outlived its lock", key=key)
        except CacheNotReady as error:
            _log.warning("lock of a refresh not given back; it runs out", key=key, reason=str(error))
