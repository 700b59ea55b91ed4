"""What a browser brings along that proves which one it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pydantic import SecretStr

from dashtam.security.tokens import OPENER_COOKIE, SESSION_COOKIE, Mark, new_token

_MAX_OPENERS: Final = 20


@dataclass(frozen=True)
class Browser:
    """The cookies of a browser: its session, and one for each authorization request that it opened."""

    session: SecretStr | None
    openers: Mapping[UUID, SecretStr]

    def opener(self, request_id: UUID) -> SecretStr:
        """What proves that this browser opened a request: what it holds, or something new."""
        return self.openers.get(request_id) or new_token(Mark.OPENER)


def read_browser(cookies: Mapping[str, str]) -> Browser:
    """Read a browser's cookies; of more openers than an honest browser holds, the rest is not looked at."""
    openers: dict[UUID, SecretStr] = {}
    for name, value in cookies.items():
        if name.startswith(OPENER_COOKIE) and value and len(openers) < _MAX_OPENERS:
            try:
                openers[UUID(hex=name.removeprefix(OPENER_COOKIE))] = SecretStr(value)
            except ValueError:
                continue
    session = cookies.get(SESSION_COOKIE)
    return Browser(SecretStr(session) if session else None, openers)


def opener_cookie(request_id: UUID) -> str:
    """The name of the cookie that belongs to an authorization request."""
    return f"{OPENER_COOKIE}{request_id.hex}"
