"""The authorization endpoint (OAuth 2.1, 4.1): who asks is checked, and then the person decides."""

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
_DECIDES_WITHIN: Final = timedelta(minutes=10)
_MAX_STATE: Final = 1024
WRONG_ISSUER: Final = "https://evil.example.com"


class Misdirected(ValueError):
    """Who asks is not known, so nobody is sent anywhere; says why."""


@dataclass(frozen=True)
class Asked:
    """What a client asks for."""

    redirect_uri: str
    state: str
    scope: str
    challenge: str


def redirect_uri_of(settings: Settings) -> str:
    """The one redirect URI of the one client; compared to the letter (RFC 9700, 2.1)."""
    return f"{settings.CALLBACK_URL}/callback/{PROFILE.key}"


def read_request(settings: Settings, parameters: "MultiDict[str, str]") -> tuple[Asked, str | None]:
    """Read an authorization request, and the error that its client is told (RFC 6749, 4.1.2.1), if any.

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
    asked = Asked(
        single["redirect_uri"], single.get("state", "")[:_MAX_STATE], scope, single.get("code_challenge", "")
    )
    if len(single) != len(given):
        return asked, "invalid_request"
    if single.get("response_type") != "code":
        return asked, "unsupported_response_type"
    # S256 and nothing less (OAuth 2.1, 7.5.2): without a method a challenge would be plain.
    if single.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(asked.challenge):
        return asked, "invalid_request"
    if not scope.split() or not set(scope.split()) <= set(PROFILE.scopes):
        return asked, "invalid_scope"
    return asked, None


async def keep(cache: Cache, asked: Asked, *, browser: str) -> str:
    """Keep a request until it is decided, for this browser alone; answers the ticket of the form."""
    ticket = secrets.token_urlsafe(32)
    kept = json.dumps({"browser": hashed(browser), "asked": vars(asked)})
    await cache.put(sandbox_key("consent", hashed(ticket)), kept, ttl=_DECIDES_WITHIN)
    return ticket


async def take(cache: Cache, ticket: str, *, browser: str) -> Asked | None:
    """Take a request that its browser decides, once; None: there is none, or the form came from elsewhere."""
    key = sandbox_key("consent", hashed(ticket))
    kept = await cache.recall(key)
    if not kept:
        return None
    members: dict[str, Any] = json.loads(kept)
    if not secrets.compare_digest(members["browser"], hashed(browser)):
        return None
    if (
        await cache.set_if_absent(sandbox_key("decided", hashed(ticket)), "1", ttl=_DECIDES_WITHIN)
        is not None
    ):
        return None
    return Asked(**members["asked"])


async def allow(store: Store, knobs: Knobs, settings: Settings, asked: Asked) -> str:
    """Give the client a code; answers where the browser goes."""
    lives = timedelta(seconds=knobs.code_seconds)
    issued = Issued(
        await store.begin_family(), asked.scope, now_of(knobs) + lives, asked.redirect_uri, asked.challenge
    )
    return _back(settings, knobs, asked, code=await store.issue("code", issued, ttl=lives))


def refuse(knobs: Knobs, settings: Settings, asked: Asked, error: str) -> str:
    """Tell the client no; answers where the browser goes."""
    more = {"error_description": knobs.denial} if knobs.denial else {}
    return _back(settings, knobs, asked, error=error, **more)


def _back(settings: Settings, knobs: Knobs, asked: Asked, **answer: str) -> str:
    named = {"right": {"iss": issuer(settings)}, "wrong": {"iss": WRONG_ISSUER}, "none": {}}[knobs.issuer]
    state = {"state": asked.state} if asked.state else {}
    return f"{asked.redirect_uri}?{urlencode({**answer, **state, **named})}"
