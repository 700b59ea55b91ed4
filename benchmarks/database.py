"""Emptying and building the test database: Dashtam, the same SQL through bare asyncpg, and SQLAlchemy.

Run it as `python -m benchmarks.database` in the testing environment; it verifies the test database like init_test_db.
"""

import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final

import asyncpg
from sqlalchemy import URL, MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dashtam.console import run
from dashtam.database.lifespan import open_session
from dashtam.disposable.reset import EMPTY, build_schema, reset
from dashtam.disposable.verification import open_verified
from dashtam.settings.loading import load_settings
from dashtam.settings.model import TestSettings

ROUNDS: Final = 25
TARGETS: Final = {"bare asyncpg": 1.5, "SQLAlchemy": 0.7}
Contender = Callable[[], Awaitable[None]]


async def measure(contenders: dict[str, Contender]) -> dict[str, float]:
    """Time the contenders in turns, and return the median of each, in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            start = time.perf_counter()
            await contender()
            times[name].append((time.perf_counter() - start) * 1000)
    return {name: median(values) for name, values in times.items()}


def engine_for(settings: TestSettings) -> AsyncEngine:
    """Return an engine of SQLAlchemy on the same driver, with the same session settings."""
    address = settings.database
    url = URL.create(
        "postgresql+asyncpg",
        address.user,
        address.password.get_secret_value(),
        address.host,
        address.port,
        address.name,
    )
    return create_async_engine(
        url, connect_args={"server_settings": {"application_name": "dashtam.testing.pytest"}}
    )


async def compare() -> None:
    """Print the medians, and the ratio of Dashtam to each contender."""
    settings = load_settings(TestSettings)
    engine = engine_for(settings)
    async with (
        open_verified(settings, process="init_test_db", exclusive=True) as verified,
        open_session(settings, process="init_test_db") as bare,
        engine.connect() as alchemy,
    ):
        schema = await build_schema(settings)
        await reset(verified, schema)
        metadata = MetaData()
        await alchemy.run_sync(
            metadata.reflect
        )  # equal tables: with defaults, checks, keys, indexes and comments
        await alchemy.commit()

        async def ours() -> None:
            await reset(verified, await build_schema(settings))

        async def through_asyncpg() -> None:
            await _same_sql(bare, EMPTY + schema)

        async def through_alchemy() -> None:
            async with alchemy.begin():
                await alchemy.run_sync(metadata.drop_all)
                await alchemy.run_sync(metadata.create_all)

        show(await measure({"Dashtam": ours, "bare asyncpg": through_asyncpg, "SQLAlchemy": through_alchemy}))
        await reset(verified, schema)
    await engine.dispose()


async def _same_sql(connection: asyncpg.Connection, script: str) -> None:
    async with connection.transaction():
        await connection.execute(script)


def show(medians: dict[str, float]) -> None:
    """Print one line per contender, and whether its target is met."""
    own = medians.pop("Dashtam")
    print(f"empty and build the test database, median of {ROUNDS} runs in turns")
    print(f"  {'Dashtam':14} {own:8.2f} ms")
    for name, value in medians.items():
        ratio, target = own / value, TARGETS[name]
        mark = "✓" if ratio <= target else "✗"
        print(f"  {name:14} {value:8.2f} ms   ratio {ratio:.2f}, target at most {target} {mark}")


if __name__ == "__main__":
    sys.exit(run(compare))
