"""Decides whether a run of pytest may go on: only on the verified test database, or far from any database."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dashtam.disposable.verification import VerifiedTestDatabase, open_verified
from dashtam.errors import DashtamError
from dashtam.settings.loading import load_settings
from dashtam.settings.model import TestSettings

REFUSED: Final = 3
_OUTSIDE: Final = ("acceptance", "endurance")
_TESTS: Final = Path(__file__).resolve().parents[1]


def needs_database(arguments: Sequence[str], invoked_in: Path) -> bool:
    """All tests do but those outside: these start servers of their own, and never see this one's."""
    outside = [_TESTS / name for name in _OUTSIDE]
    paths = [(invoked_in / argument.partition("::")[0]).resolve() for argument in arguments]
    return not paths or not all(any(map(path.is_relative_to, outside)) for path in paths)


def verify() -> VerifiedTestDatabase:
    """Run the verification of `init_test_db`, lock included, and let go of the connection again.

    Raises:
        DashtamError: every reason to refuse at once.
    """

    async def verified() -> VerifiedTestDatabase:
        async with open_verified(load_settings(TestSettings), process="pytest", exclusive=False) as database:
            return database

    return asyncio.run(verified())


def sentence(error: DashtamError) -> str:
    """What a developer reads who ran pytest where it may not run."""
    return f"pytest runs on the verified test database alone.\n{error}\nRun `invoke test.unit` instead of pytest."
