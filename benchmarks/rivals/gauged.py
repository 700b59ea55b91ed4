"""Dashtam's API with two more paths: a public read behind authentication, and the delay of the event loop.

The same read is public at one path and authenticated at another, so that the difference is the cost of authentication.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Final

from quart import Response, jsonify

from dashtam.app import create_app
from dashtam.logs.pipeline import configure_logging
from dashtam.settings.loading import load_settings, secret_values
from dashtam.settings.model import TestSettings
from dashtam.web.edge import hypercorn as wire

_TICK_SECONDS: Final = 0.002
_delays: list[float] = []

settings = load_settings(TestSettings)
wire.install()
configure_logging(settings.LOG_LEVEL, secrets=secret_values(settings))
app = create_app(settings)
# Neither endpoint is on the list of public ones, so both require a user.
app.add_url_rule("/bench/providers", "bench.providers", app.view_functions["providers.list_providers"])


async def _watch() -> None:
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(_TICK_SECONDS)
        _delays.append(loop.time() - before - _TICK_SECONDS)


@app.while_serving
async def gauge() -> AsyncGenerator[None, None]:
    """Schedule a callback every two milliseconds, and record how late it ran."""
    task = asyncio.create_task(_watch())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@app.get("/bench/delays")
async def delays() -> Response:
    """Return the median and the 99th percentile since the last call, in milliseconds."""
    seen = sorted(_delays) or [0.0]
    _delays.clear()
    return jsonify(
        {
            "p50": seen[len(seen) // 2] * 1000,
            "p99": seen[len(seen) * 99 // 100] * 1000,
            "worst": seen[-1] * 1000,
            "ticks": len(seen),
        }
    )
