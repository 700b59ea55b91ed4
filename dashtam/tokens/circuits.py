"""Leaves a provider alone that fails: every process of the installation knows, through Redis."""

from datetime import timedelta
from typing import Final

from dashtam.cache import Cache, circuit_failures, circuit_open, circuit_trial
from dashtam.errors import CacheNotReady
from dashtam.logs.pipeline import get_logger
from dashtam.providers.errors import ClientRefused, ProviderFailure, ProviderNotReady
from dashtam.tokens.expiry import MAX_RETRY_AFTER

THRESHOLD: Final = 5
"""So many failures in a row open the circuit; one more after each pause opens it for longer."""
_REMEMBERED: Final = timedelta(hours=1)
_FIRST: Final = timedelta(seconds=30)
_LONGEST: Final = timedelta(minutes=10)
_MISCONFIGURED: Final = timedelta(minutes=15)
_TRIAL: Final = timedelta(seconds=60)
_log = get_logger(__name__)


class Circuits:
    """One circuit for each provider: closed, open for a time, or waiting for the one who tries."""

    def __init__(self, cache: Cache, *, threshold: int = THRESHOLD, first: timedelta = _FIRST) -> None:
        self._cache = cache
        self._threshold = threshold
        self._first = first

    async def admit(self, provider_key: str) -> bool:
        """Let a call through, or not; after a pause one caller is let through, and the others wait for its end.

        Whether it has failed since it last answered, so that an answer has to be told.

        Raises:
            ClientRefused, ProviderNotReady: the provider is left alone for now; says for how long.
            CacheNotReady: nobody knows.
        """
        why, failures = await self._cache.recall_all(
            circuit_open(provider_key), circuit_failures(provider_key)
        )
        if why is not None:
            remaining = await self._cache.remaining(circuit_open(provider_key))
            kind = ClientRefused if why == ClientRefused.code else ProviderNotReady
            raise kind(
                f"{provider_key} is left alone: {why}",
                detail=why,
                retry_after=remaining or timedelta(seconds=1),
            )
        if int(failures or 0) < self._threshold:
            return failures is not None
        if await self._cache.set_if_absent(circuit_trial(provider_key), "trying", ttl=_TRIAL) is not None:
            raise ProviderNotReady(
                f"{provider_key} failed, and somebody is trying whether it answers again",
                detail="circuit_trial",
                retry_after=timedelta(seconds=5),
            )
        return True

    async def failed(self, provider_key: str, failure: ProviderFailure) -> None:
        """Count a failure; open the circuit where there were too many, or where the provider asks to be left alone."""
        try:
            failures = await self._cache.count(circuit_failures(provider_key), window=_REMEMBERED)
            if (ttl := self._open_for(failures, failure)) is not None:
                why = failure.detail
                if isinstance(failure, ClientRefused):
                    why = ClientRefused.code
                await self._cache.put(circuit_open(provider_key), why, ttl=ttl)
                _log.warning(
                    "provider left alone", provider=provider_key, reason=why, seconds=ttl.total_seconds()
                )
            await self._cache.drop([circuit_trial(provider_key)])
        except CacheNotReady as error:
            _log.warning("failure of a provider not counted", provider=provider_key, reason=str(error))

    async def answered(self, provider_key: str) -> None:
        """Close the circuit: the provider did what it is there for, whether it granted or refused."""
        try:
            await self._cache.drop([circuit_failures(provider_key), circuit_trial(provider_key)])
        except CacheNotReady as error:
            _log.warning("answer of a provider not counted", provider=provider_key, reason=str(error))

    def _open_for(self, failures: int, failure: ProviderFailure) -> timedelta | None:
        if isinstance(failure, ClientRefused):
            return _MISCONFIGURED
        asked = min(failure.retry_after or timedelta(0), MAX_RETRY_AFTER)
        if failures >= self._threshold:
            return max(asked, min(_LONGEST, self._first * int(2 ** min(failures - self._threshold, 16))))
        return asked or None
