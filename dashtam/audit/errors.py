"""Errors of the audit trail."""

from collections.abc import Sequence

from dashtam.errors import DashtamError


class AuditDamaged(DashtamError):
    """The audit trail is not what was written."""

    code = "audit_damaged"

    def __init__(self, database: str, damages: Sequence[str], *, more: int = 0) -> None:
        self.damages = tuple(damages)
        lines = [f"the audit trail of {database} is damaged:", *(f"  {damage}" for damage in self.damages)]
        super().__init__("\n".join([*lines, *([f"  and {more} more"] if more else [])]))
