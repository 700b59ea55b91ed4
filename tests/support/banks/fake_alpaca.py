"""Alpaca's token endpoint, without expiry and refresh, and its accounts for API keys, live and paper."""

import json
from dataclasses import dataclass
from typing import Final

from tests.support.banks.wire_server import Reply, Request

CLIENT: Final = "alpaca-client"
SECRET: Final = "alpaca-secret-canary"
CODE: Final = "alpaca-code"
LIVE_KEYS: Final = ("AKLIVE", "live-key-canary")
PAPER_KEYS: Final = ("PKPAPER", "paper-key-canary")
_JSON: Final = {"Content-Type": "application/json"}
_ACCOUNT: Final = {
    "id": "0e3f",
    "account_number": "PA1",
    "status": "ACTIVE",
    "currency": "USD",
    "cash": "100.5",
}


@dataclass
class FakeAlpaca:
    """Responds like api.alpaca.markets, or like paper-api.alpaca.markets if given other keys."""

    redirect_uri: str = ""
    keys: tuple[str, str] = LIVE_KEYS

    def __call__(self, request: Request) -> Reply:
        """Return the API's response."""
        match request.method, request.path:
            case "POST", "/oauth/token":
                return self._token(request.form)
            case "GET", "/v2/account":
                return self._account(request)
        return Reply(404, b'{"message": "endpoint not found"}', _JSON)

    def _token(self, form: dict[str, str]) -> Reply:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return Reply(
                401, b'{"code": 40110000, "message": "request is not authorized", "error": "invalid_client"}'
            )
        if (form.get("grant_type"), form.get("code"), form.get("redirect_uri")) != (
            "authorization_code",
            CODE,
            self.redirect_uri,
        ):
            return Reply(400, b'{"error": "invalid_grant"}', _JSON)
        body = {"access_token": "79500537-5796-4230-9661-canary", "token_type": "bearer", "scope": ""}
        return Reply(200, json.dumps(body).encode(), _JSON)

    def _account(self, request: Request) -> Reply:
        given = (request.headers.get("apca-api-key-id"), request.headers.get("apca-api-secret-key"))
        if given != self.keys:
            return Reply(403, b'{"code": 40310000, "message": "forbidden."}', _JSON)
        return Reply(200, json.dumps(_ACCOUNT).encode(), _JSON)
