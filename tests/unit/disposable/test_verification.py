"""The proof that a database is disposable comes from the verifier alone."""

from typing import Any

import pytest

from dashtam.disposable.errors import UnsafeDatabase
from dashtam.disposable.verification import VerifiedTestDatabase, observe
from tests.support.makers.disposables import make_observation, make_test_settings


def test_nobody_else_makes_the_proof() -> None:
    connection: Any = object()
    with pytest.raises(TypeError, match=r"only dashtam\.disposable\.verification"):
        VerifiedTestDatabase(connection, make_test_settings(), make_observation(), proof=object())


async def test_a_server_that_does_not_list_the_database_is_refused() -> None:
    class Mute:
        async def fetchrow(self, *_: object) -> None:
            return None

    connection: Any = Mute()
    with pytest.raises(UnsafeDatabase, match="does not list the database"):
        await observe(connection, make_test_settings())
