"""Sets the knobs of this environment's sandbox: `python -m dashtam.sandbox ['{"fault": "503"}']`.

Without an argument, it only shows the knobs and the counters; `{}` resets every knob.
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
    """Set the knobs to `body`, if any, and return knobs and counters as JSON.

    Raises:
        NotFound: production has no sandbox.
        InvalidRequest: a knob is unknown, or its value is out of range.
        CacheNotReady: Redis is not available.
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
    """Print knobs and counters, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dashtam.sandbox", description="Show or set the knobs of the sandbox."
    )
    parser.add_argument("knobs", nargs="?", help="a JSON object; knobs that it does not name are reset")
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
