"""Errors of the test database's safety checks."""

from collections.abc import Sequence

from dashtam.errors import DashtamError


class UnsafeDatabase(DashtamError):
    """The database may not be destroyed."""

    code = "database_not_disposable"
    exit_code = 3

    def __init__(self, database: str, refusals: Sequence[str]) -> None:
        self.database = database
        self.refusals = tuple(refusals)
        super().__init__("\n".join([f"refused to touch {database}:", *(f"  {r}" for r in self.refusals)]))
