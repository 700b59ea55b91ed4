"""The authorization endpoint (OAuth 2.1, 4.1): the request is validated, and then the customer decides."""

import json
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from dashtam.cache import Cache, sandbox_key
from dashtam.providers.sandbox.adapter import PROFILE
from dashtam.providers.sandbox.credentials import CLIENT_ID, issuer
from dashtam.sandbox.grants import now_of
from dashtam.sandbox.knobs import Knobs
from dashtam.sandbox.store import Issued, Store
from dashtam.security.tokens import hashed
from dashtam.settings.model import Settings

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_CONSENT_TTL: Final = timedelta(minutes=10)
_MAX_STATE: Final = 1024
WRONG_ISSUER: Final = "https://evil.example.com"


class Misdirected(ValueError):
    """The client or its redirect URI is unknown, so the browser must not be redirected; the message says why."""


@dataclass(frozen=True)
class ClientRequest:
    """A client's authorization request (OAuth 2.1, 4.1.1)."""

    redirect_uri: str
    state: str
    scope: str
    challenge: str


def redirect_uri_of(settings: Settings) -> str:
    """Return the only registered redirect URI; requests must match it exactly (RFC 9700, 2.1)."""
    return f"{settings.CALLBACK_URL}/callback/{PROFILE.key}"


def read_request(settings: Settings, parameters: "MultiDict[str, str]") -> tuple[ClientRequest, str | None]:
    """Return the authorization request, and the error code for its client (RFC 6749, 4.1.2.1); None if it is valid.

    Raises:
        Misdirected: the client or its redirect URI is unknown.
    """
    given = parameters.to_dict(flat=False)
    single = {name: values[0] for name, values in given.items() if len(values) == 1}
    if single.get("client_id") != CLIENT_ID:
        raise Misdirected("The client is unknown.")
    if single.get("redirect_uri") != redirect_uri_of(settings):
        raise Misdirected("The redirect_uri is not the registered one.")
    scope = single.get("scope", PROFILE.scopes[0])
    client_request = ClientRequest(
        single["redirect_uri"], single.get("state", "")[:_MAX_STATE], scope, single.get("code_challenge", "")
    )
    if len(single) != len(given):
        return client_request, "invalid_request"
    if single.get("response_type") != "code":
        return client_request, "unsupported_response_type"
    # Only S256 is accepted (OAuth 2.1, 7.5.2): without a method, the challenge would be plain.
    if single.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(client_request.challenge):
        return client_request, "invalid_request"
    if not scope.split() or not set(scope.split()) <= set(PROFILE.scopes):
        return client_request, "invalid_scope"
    return client_request, None


async def keep(cache: Cache, client_request: ClientRequest, *, browser: str) -> str:
    """Store a request for this browser for ten minutes, and return the ticket of the consent form."""
    ticket = secrets.token_urlsafe(32)
    kept = json.dumps({"browser": hashed(browser), "asked": vars(client_request)})
    await cache.put(sandbox_key("consent", hashed(ticket)), kept, ttl=_CONSENT_TTL)
    return ticket


async def take(cache: Cache, ticket: str, *, browser: str) -> ClientRequest | None:
    """Return a stored request, once; None if there is none, or the form came from another browser."""
    key = sandbox_key("consent", hashed(ticket))
    kept = await cache.recall(key)
    if not kept:
        return None
    members: dict[str, Any] = json.loads(kept)
    if not secrets.compare_digest(members["browser"], hashed(browser)):
        return None
    if await cache.set_if_absent(sandbox_key("decided", hashed(ticket)), "1", ttl=_CONSENT_TTL) is not None:
        return None
    return ClientRequest(**members["asked"])


async def allow(store: Store, knobs: Knobs, settings: Settings, client_request: ClientRequest) -> str:
    """Issue a code, and return the URL that the browser is redirected to."""
    lives = timedelta(seconds=knobs.code_seconds)
    issued = Issued(
        await store.begin_family(),
        client_request.scope,
        now_of(knobs) + lives,
        client_request.redirect_uri,
        client_request.challenge,
    )
    return _back(settings, knobs, client_request, code=await store.issue("code", issued, ttl=lives))


def refuse(knobs: Knobs, settings: Settings, client_request: ClientRequest, error: str) -> str:
    """Return the URL that the browser is redirected to with an error code."""
    more = {"error_description": knobs.denial} if knobs.denial else {}
    return _back(settings, knobs, client_request, error=error, **more)


def _back(settings: Settings, knobs: Knobs, client_request: ClientRequest, **parameters: str) -> str:
    named = {"right": {"iss": issuer(settings)}, "wrong": {"iss": WRONG_ISSUER}, "none": {}}[knobs.issuer]
    state = {"state": client_request.state} if client_request.state else {}
    return f"{client_request.redirect_uri}?{urlencode({**parameters, **state, **named})}"
