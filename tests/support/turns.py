"""Turns between tests that drive a browser and tests on Docker.

Every container that starts or stops is a change of the machine's network, and Chromium drops what it is loading when
the network changes (`ERR_NETWORK_CHANGED`).
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_turn(*, alone: bool) -> Iterator[None]:
    """Hold the machine's network, alone or among others; whoever waits to have it alone is next."""
    folder = Path(tempfile.gettempdir())
    name = f"dashtam-tests-{os.geteuid()}"
    with (folder / f"{name}.gate").open("w") as gate, (folder / f"{name}.network").open("w") as network:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(network, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
