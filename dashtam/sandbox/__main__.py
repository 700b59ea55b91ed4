"""Turns the knobs of the sandbox of this environment: `python -m dashtam.sandbox ['{"fault": "503"}']`.

Without an argument it only shows them, and what was counted; `{}` puts every knob to rest.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from dashtam.cache import open_cache
from dashtam.errors import DashtamError, NotFound
from dashtam.sandbox.knobs import Knobs
from dashtam.sandbox.store import Store
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Environment, Settings


async def turn(settings: Settings, *, body: str | None) -> str:
    """What to print: knobs and counters as JSON, after turning them where `body` says so.

    Raises:
        NotFound: production has no sandbox.
        InvalidRequest: a knob is unknown, or cannot be turned so far.
        CacheNotReady: Redis does not answer.
    """
    if settings.ENVIRONMENT is Environment.PRODUCTION:
        raise NotFound("production has no sandbox")
    async with open_cache(settings.cache, environment=settings.ENVIRONMENT, process="sandbox") as cache:
        store = Store(cache)
        if body is None:
            knobs = await Knobs.read(cache)
        else:
            knobs = await Knobs.write(cache, body.encode())
            await store.reset()
        shown = {"knobs": knobs.model_dump(mode="json"), "counters": await store.counters()}
    return json.dumps(shown, indent=2)


def main(argv: Sequence[str] | None = None) -> int:
    """Print it and answer the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dashtam.sandbox", description="Turn the sandbox's knobs."
    )
    parser.add_argument("knobs", nargs="?", help="a JSON object; the knobs that it does not name are at rest")
    body: str | None = parser.parse_args(argv).knobs
    try:
        settings = load_settings(Settings)
        sys.stdout.write(f"{asyncio.run(turn(settings, body=body))}\n")
    except DashtamError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
