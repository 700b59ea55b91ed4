"""Keeping tokens valid: reading a valid token against a bare read, and refreshing many against bare requests.

Run it as `python -m benchmarks.refreshes` in the testing environment. The bank is a separate process that delays every
response as long as a provider's token endpoint does.
"""

import asyncio
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final
from uuid import UUID

import asyncpg
import httpx
from pydantic import SecretStr

from dashtam.audit.trail import AuditTrail
from dashtam.cache import open_cache
from dashtam.console import run
from dashtam.database.config import connection_parameters, session_name
from dashtam.database.lifespan import connect
from dashtam.devenv.project.certificates import Certificates
from dashtam.disposable.verification import open_verified
from dashtam.logs.pipeline import configure_logging
from dashtam.models import Provider, ProviderToken, User
from dashtam.providers.base import TokenGrant
from dashtam.settings.loading import load_settings
from dashtam.settings.model import TestSettings
from dashtam.tokens.store import store_grant
from dashtam.tokens.upkeep import Upkeep
from tests.support.banks.token_adapter import PROFILE, TokenAdapter
from tests.support.banks.token_caller import build_refreshes
from tests.support.makers.rows import make_connection
from tests.support.people.connected import a_person, forget_refreshes, keys_of
from tests.support.people.visitors import Postbox

THINKING: Final = 250
"""The delay in milliseconds; token endpoints of banks respond within 100 to 500 milliseconds."""
CONNECTIONS: Final = 100
SIDE_BY_SIDE: Final = 10
ROUNDS: Final = 5
LOOK_UPS: Final = 50
LOOK_UP_ROUNDS: Final = 60
"""The rounds are short and alternate, so that other load of the machine affects both figures."""
MAX_OF_READ: Final = 2.0
MIN_OF_RATE: Final = 0.7
_READ: Final = """
SELECT access_token_sealed, expires_at FROM provider_tokens WHERE connection_id = $1
"""


@contextmanager
def bank(folder: Path) -> Iterator[int]:
    """Run the token server, and yield its port."""
    command = [sys.executable, "-m", "tests.support.banks.token_server", str(folder), str(THINKING)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return the duration of some work, in seconds."""
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


@asynccontextmanager
async def many(settings: TestSettings, refresh_token: str) -> AsyncIterator[list[ProviderToken]]:
    """Store the connections that are refreshed concurrently."""
    async with a_person() as (user, provider):
        yield [await _connect(settings, user, provider, refresh_token) for _ in range(CONNECTIONS)]


async def _connect(
    settings: TestSettings, user: User, provider: Provider, refresh_token: str
) -> ProviderToken:
    now = datetime.now(UTC)
    connection = await make_connection(user=user, provider=provider)
    end = now + timedelta(hours=1)
    grant = TokenGrant(
        SecretStr("access"), SecretStr(refresh_token), end, scope="accounts transactions", granted_at=now
    )
    trail = AuditTrail(settings.token_keys)
    profile = replace(PROFILE, key=provider.key)
    return await store_grant(connection.id, grant, keys=keys_of(settings), trail=trail, profile=profile)


async def compare(port: int, context: ssl.SSLContext) -> None:
    """Print the figures and their targets, and fail if a target is missed."""
    settings = load_settings(TestSettings)
    configure_logging("WARNING")
    async with (
        open_verified(settings, process="init_test_db", exclusive=True),
        connect(settings, process="bench"),
        open_cache(settings.cache, environment="testing", process="bench") as cache,
    ):
        await forget_refreshes(cache)
        adapter = TokenAdapter(PROFILE, f"https://localhost:{port}", context)
        refreshes = build_refreshes(cache, settings, adapter)
        upkeep = Upkeep(refreshes, AuditTrail(settings.token_keys), Postbox())
        async with many(settings, "endless") as tokens:
            times = await compare_look_ups(settings, refreshes.get_valid, tokens[0])
            rates = await compare_refreshes(upkeep, port, context, tokens)
        await adapter.aclose()
    report(times, rates)


async def compare_look_ups(
    settings: TestSettings, look_up: Callable[..., Awaitable[object]], token: ProviderToken
) -> dict[str, float]:
    """Return the microseconds of one look-up; both ways alternate."""
    parameters = connection_parameters(settings.database, session=session_name(settings, "bench"))
    async with asyncpg.create_pool(**parameters, min_size=1, max_size=5) as pool:

        async def bare() -> None:
            for _ in range(LOOK_UPS):
                await pool.fetchrow(_READ, token.connection_id)

        async def ours() -> None:
            for _ in range(LOOK_UPS):
                await look_up(token.connection_id)

        await bare()
        await ours()
        found = [(await timed(bare), await timed(ours)) for _ in range(LOOK_UP_ROUNDS)]
    names = ("bare asyncpg", "valid token")
    return {
        name: median(times) / LOOK_UPS * 1e6
        for name, times in zip(names, zip(*found, strict=True), strict=True)
    }


async def compare_refreshes(
    upkeep: Upkeep, port: int, context: ssl.SSLContext, tokens: list[ProviderToken]
) -> dict[str, float]:
    """Return the refreshes per second; both ways alternate."""
    rates: dict[str, list[float]] = {"bare httpx": [], "refresher": []}
    async with httpx.AsyncClient(base_url=f"https://localhost:{port}", verify=context) as client:
        gate = asyncio.Semaphore(SIDE_BY_SIDE)

        async def ask() -> None:
            async with gate:
                response = await client.post("/token", data={"refresh_token": "endless"})
                response.raise_for_status()
                response.json()

        async def bare() -> None:
            await asyncio.gather(*(ask() for _ in tokens))

        for _ in range(ROUNDS):
            rates["bare httpx"].append(len(tokens) / await timed(bare))
            past = datetime.now(UTC) - timedelta(minutes=1)
            ids = [token.id for token in tokens]
            await ProviderToken.filter(id__in=ids).update(expires_at=past, refresh_due_at=past)
            versions = await _versions(ids)
            rates["refresher"].append(len(tokens) / await timed(upkeep.refresh_due))
            if await _versions(ids) != [version + 1 for version in versions]:
                raise RuntimeError("not every connection was refreshed once")
    return {name: median(found) for name, found in rates.items()}


async def _versions(ids: list[UUID]) -> list[int]:
    return [row.version for row in await ProviderToken.filter(id__in=ids).order_by("id")]


def report(times: dict[str, float], rates: dict[str, float]) -> None:
    """Print the figures.

    Raises:
        SystemExit: a target is missed; the exit code is 1.
    """
    slower = times["valid token"] / times["bare asyncpg"]
    share = rates["refresher"] / rates["bare httpx"]
    shown = ", ".join(f"{name} {value:.0f} µs" for name, value in times.items())
    print(f"look-up: {shown}: {slower:.2f} times (at most {MAX_OF_READ})")
    shown = ", ".join(f"{name} {value:.1f} a second" for name, value in rates.items())
    print(
        f"{CONNECTIONS} due at once, {SIDE_BY_SIDE} side by side, {THINKING} ms each: {shown}: "
        f"{share:.2f} (at least {MIN_OF_RATE})"
    )
    if slower > MAX_OF_READ or share < MIN_OF_RATE:
        raise SystemExit(1)


def main() -> int:
    """Run the benchmark, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder, bank(Path(folder)) as port:
        context = ssl.create_default_context(cafile=Certificates(Path(folder)).authority)
        return run(lambda: compare(port, context))


if __name__ == "__main__":
    sys.exit(main())
