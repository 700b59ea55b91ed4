"""Versions of what clients read and change: entity tags and preconditions (RFC 9110, 8.8.3 and 13.1)."""

import base64
import hashlib
from dataclasses import dataclass

from dashtam.database.errors import PreconditionFailed


def version_of(*parts: object) -> str:
    """Build a version from whatever changes when the thing changes: its id and `updated_at`, or its bytes.

    The same parts give the same version, and other parts another one; nothing can be read back from it.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8) + data)
    return base64.urlsafe_b64encode(digest.digest()[:18]).decode()


@dataclass(frozen=True)
class Precondition:
    """Which versions a client is willing to change; None: whichever is there."""

    versions: frozenset[str] | None

    def require(self, version: str) -> None:
        """Let the change go on if the client has seen this version.

        Ask inside the database transaction that changes the row, after `SELECT ... FOR UPDATE`: between a check and
        a change made apart, another change fits.

        Raises:
            PreconditionFailed: 412, the thing has changed since the client read it.
        """
        if self.versions is not None and version not in self.versions:
            raise PreconditionFailed(f"the version is {version}, asked for {sorted(self.versions)[:3]}")
