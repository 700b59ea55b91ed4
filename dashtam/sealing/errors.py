"""Errors of sealing and opening secrets."""

from collections.abc import Sequence

from dashtam.errors import DashtamError


class SealError(DashtamError):
    """A sealed value cannot be opened."""

    code = "seal_invalid"


class KeysNotRotated(DashtamError):
    """Something is still sealed with an earlier key."""

    code = "keys_not_rotated"


class KeyNeeded(DashtamError):
    """The key is still needed."""

    code = "key_needed"
    exit_code = 3

    def __init__(self, key_id: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n".join([f"{key_id} stays as it is:", *(f"  {reason}" for reason in reasons)]))
