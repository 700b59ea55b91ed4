"""Free ports for servers that a test starts."""

import os
import random
import socket
from contextlib import ExitStack
from typing import Final

# Below the ephemeral ports of Linux (32768) and macOS (49152), so that no outgoing connection takes a port before the
# test's server binds it.
_CHOICE: Final = range(20_000, 32_000)
# Parallel workers choose from separate shares, so that a returned port stays free until it is bound.
_SHARES: Final = 8
_GIVEN: Final = set[int]()


def free_ports(count: int) -> list[int]:
    """Return `count` different free ports; ports that were returned before are reused last."""
    share = _CHOICE[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SHARES :: _SHARES]
    if len(_GIVEN) + count > len(share):
        _GIVEN.clear()
    with ExitStack() as stack:
        found: list[int] = []
        # Random numbers of the system, because Hypothesis seeds `random` equally for every run of a test.
        for port in random.SystemRandom().sample(share, len(share)):
            if port in _GIVEN:
                continue
            candidate = stack.enter_context(socket.socket())
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                _GIVEN.update(found)
                return found
    raise OSError(f"no {count} ports are free in {share}")
