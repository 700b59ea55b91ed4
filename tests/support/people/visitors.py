"""Clients of the API, and a mailer that keeps e-mails."""

import re
from dataclasses import dataclass, field
from typing import Any

from quart import Response
from quart.typing import TestClientProtocol as Client

from dashtam.cache import Cache
from dashtam.mail.email import Email

PASSWORD = "seven otters juggle lanterns"
OTHER_PASSWORD = "a walrus plays the bassoon"
VISITORS_IP = "192.0.2.1"
"""An address for documentation (RFC 5737): no server audits it, so entries with it belong to the running test."""


@dataclass
class Postbox:
    """A `Mailer` that keeps e-mails."""

    emails: list[Email] = field(default_factory=list)

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """Keep an e-mail."""
        self.emails.append(Email(to, subject, text))

    def last(self, to: str) -> Email:
        """Return the newest e-mail to an address."""
        return [email for email in self.emails if email.to == to][-1]

    def code(self, to: str) -> str:
        """Return the code in the newest e-mail to an address."""
        found = re.search(r"dashtam_[a-z]+_[\w-]{43}", self.last(to).text)
        assert found, "the e-mail has no code"
        return found[0]


@dataclass
class Visitor:
    """A client of the API, with or without a token."""

    client: Client
    token: str | None = None
    ip: str = VISITORS_IP

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        """Send a request; underscores in the names of headers become hyphens."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            given["Authorization"] = f"Bearer {self.token}"
        more: dict[str, Any] = {} if body is None else {"json": body}
        return await self.client.open(
            f"/api/v1/{path}", method=method, headers=given, scope_base={"client": (self.ip, 1)}, **more
        )

    async def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> dict[str, Any]:
        """Sign in as a program and keep the access token."""
        response = await self.ask("POST", "sessions", {"email": email, "password": password, **more})
        body: dict[str, Any] = await response.get_json()
        assert response.status_code == 201, body
        self.token = body["access_token"]
        return body


async def forget_attempts(cache: Cache) -> None:
    """Delete all counters of attempts and all known devices."""
    redis = vars(cache)["_client"]
    for pattern in ("testing:attempts:*", "testing:known:*"):
        async for key in redis.scan_iter(pattern):
            await redis.unlink(key)


async def problem(response: Response) -> tuple[int, str]:
    """Return the status and the code of a problem."""
    assert response.content_type == "application/problem+json", await response.get_data(as_text=True)
    return response.status_code, (await response.get_json(force=True))["code"]
