"""Schwab's token endpoint and its error responses, as clients describe them (schwab-py, Schwabdev, schwab-go)."""

import base64
import json
from dataclasses import dataclass, field
from typing import Final

from tests.support.banks.wire_server import Reply, Request

KEY: Final = "schwab-app-key"
SECRET: Final = "schwab-secret-canary"
CODE: Final = "C0.b2F1dGgy@"
"""The code of the redirect with `%40` decoded: the server accepts it only with its @."""
ID_TOKEN: Final = "id-token-canary"
JSON: Final = {"Content-Type": "application/json"}
EXPIRED: Final = {
    "error_description": "Exception while authenticating refresh token [tokenDigest=canary-digest]",
    "error": "refresh_token_authentication_error",
}
UNSUPPORTED: Final = {
    "error": "unsupported_token_type",
    "error_description": f'400 Bad Request: "{json.dumps(EXPIRED)}"',
}


@dataclass
class FakeSchwab:
    """Responds to token requests; use it as the handler of a wire server."""

    redirect_uri: str
    secrets: set[str] = field(default_factory=lambda: {SECRET})
    refresh_token: str = "schwab-refresh-canary"
    issued: int = 0

    def __call__(self, request: Request) -> Reply:
        """Return the response of POST /v1/oauth/token."""
        if (request.method, request.path) != ("POST", "/v1/oauth/token"):
            return Reply(404, b"<html><body><h1>Whitelabel Error Page</h1></body></html>")
        if not self._knows(request.headers.get("authorization", "")):
            return refused(401, {"error": "invalid_client", "error_description": "Unauthorized"})
        form = request.form
        is_code = form.get("grant_type") == "authorization_code" and form.get("code") == CODE
        is_refresh = (
            form.get("grant_type") == "refresh_token" and form.get("refresh_token") == self.refresh_token
        )
        if is_code and form.get("redirect_uri") != self.redirect_uri:
            return refused(400, {"error": "invalid_request", "error_description": "redirect_uri"})
        if not is_code and not is_refresh:
            is_asked = form.get("grant_type") == "refresh_token"
            return refused(400, UNSUPPORTED if is_asked else {"error": "invalid_grant"})
        return self._grant()

    def _knows(self, header: str) -> bool:
        known = {base64.b64encode(f"{KEY}:{secret}".encode()).decode() for secret in self.secrets}
        return header.startswith("Basic ") and header.removeprefix("Basic ") in known

    def _grant(self) -> Reply:
        self.issued += 1
        body = {
            "expires_in": 1800,
            "token_type": "Bearer",
            "scope": "api",
            "refresh_token": self.refresh_token,
            "access_token": f"I0.access-canary-{self.issued}@",
            "id_token": ID_TOKEN,
        }
        return Reply(200, json.dumps(body).encode(), JSON)


def refused(status: int, body: object) -> Reply:
    """Return an error response with a JSON body."""
    return Reply(status, json.dumps(body).encode(), JSON)
