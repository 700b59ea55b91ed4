"""The proof that a database is disposable comes from the verifier alone."""

from typing import Any

import pytest

from dashtam.database.verification import VerifiedTestDatabase
from tests.support.disposables import make_observation, make_test_settings


def test_nobody_else_makes_the_proof() -> None:
    connection: Any = object()
    with pytest.raises(TypeError, match=r"only dashtam\.database\.verification"):
        VerifiedTestDatabase(connection, make_test_settings(), make_observation(), proof=object())
