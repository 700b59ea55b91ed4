"""Ports for what a test starts itself."""

import os
import random
import socket
from contextlib import ExitStack
from typing import Final

# Below those that Linux (32768) and macOS (49152) give to connections that go out: none of them takes a port away
# between this moment and the next time that a test's server binds it.
_CHOICE: Final = range(20_000, 32_000)
# Tests that run side by side choose from shares of their own: what one of them was given is free until it is bound.
_SHARES: Final = 8
_GIVEN: Final = set[int]()


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different, and given to nobody before while there are others."""
    share = _CHOICE[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SHARES :: _SHARES]
    if len(_GIVEN) + count > len(share):
        _GIVEN.clear()
    with ExitStack() as stack:
        found: list[int] = []
        # Of the system's own randomness: Hypothesis gives every run of a test the same.
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
