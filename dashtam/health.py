"""Whether this process can do its work: each thing that it needs, with its state and the reason."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from tortoise.connection import get_connection

from dashtam.audit import trail
from dashtam.bootstrap import migrations
from dashtam.cache import Cache
from dashtam.errors import DashtamError
from dashtam.logs.pipeline import get_logger
from dashtam.sealing import tables
from dashtam.sealing.keys import Keys

_SECONDS: Final = 3.0
_log = get_logger(__name__)


@dataclass(frozen=True)
class Finding:
    """What a check found; the reason says nothing that a stranger may not read."""

    is_ready: bool
    reason: str
    facts: dict[str, str] = field(default_factory=dict)


Check = Callable[[], Awaitable[Finding]]


async def examine(cache: Cache, keys: Keys) -> dict[str, Finding]:
    """Run all checks side by side, each for at most three seconds; never raises."""
    checks: dict[str, Check] = {
        "postgres": _check_database,
        "migrations": _check_migrations,
        "redis": lambda: _check_cache(cache),
        "token_keys": lambda: _check_token_keys(keys),
    }
    findings = await asyncio.gather(*(_bounded(name, check) for name, check in checks.items()))
    return dict(zip(checks, findings, strict=True))


async def _bounded(name: str, check: Check) -> Finding:
    try:
        async with asyncio.timeout(_SECONDS):
            return await check()
    except TimeoutError:
        return Finding(is_ready=False, reason=f"no answer within {_SECONDS:.0f} seconds")
    except Exception as error:  # noqa: BLE001  # whatever a driver raises, the answer is: not ready
        _log.warning("readiness check failed", check=name, error=f"{type(error).__name__}: {error}")
        reason = type(error).__doc__ if isinstance(error, DashtamError) else None
        return Finding(is_ready=False, reason=reason or "does not answer; the log of this process says why")


async def _check_database() -> Finding:
    name = await _database_name()
    return Finding(is_ready=True, reason="answers", facts={"database": name})


async def _database_name() -> str:
    """Ask PostgreSQL for the name of the connected database; the settings prove nothing."""
    rows = await get_connection("default").execute_query_dict("SELECT current_database() AS name")
    return str(rows[0]["name"])


async def _check_migrations() -> Finding:
    state = await migrations.history()
    if state.unknown:
        return Finding(is_ready=False, reason=f"{len(state.unknown)} of a newer release")
    if state.pending:
        return Finding(is_ready=False, reason=f"{len(state.pending)} pending; run `invoke db.migrate`")
    return Finding(is_ready=True, reason="at head", facts={"head": state.head or "none"})


async def _check_cache(cache: Cache) -> Finding:
    await cache.check()
    return Finding(is_ready=True, reason="answers", facts={"index": str(cache.address.index)})


async def _check_token_keys(keys: Keys) -> Finding:
    faults = await keys.find_faults()
    if faults:
        _log.error("data keys that cannot be unwrapped", faults=faults)
        return _lacking(len(faults), "wrap data keys")
    missing = await trail.list_key_ids() - keys.settings_ids
    missing |= await tables.list_key_ids() - keys.ids - keys.settings_ids
    if missing:
        _log.error("keys that are missing", key_ids=sorted(missing))
        return _lacking(len(missing), "sealed tokens or the audit trail need")
    return Finding(is_ready=True, reason="every sealed token can be opened, and the audit trail verified")


def _lacking(count: int, what: str) -> Finding:
    return Finding(is_ready=False, reason=f"TOKEN_ENCRYPTION_KEYS lacks {count} key(s) that {what}")
