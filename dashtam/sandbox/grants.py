"""The grants of the token endpoint: each code and refresh token is used once, except within its grace period."""

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from dashtam.errors import DashtamError
from dashtam.sandbox.knobs import Knobs
from dashtam.sandbox.store import Issued, Store


class TokenRefused(DashtamError):
    """The sandbox refuses a token request; `error` is the code of RFC 6749, 5.2."""

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        super().__init__(description)


def now_of(knobs: Knobs) -> datetime:
    """Return the time of the sandbox's own clock."""
    return datetime.now(UTC) + timedelta(seconds=knobs.clock_offset_seconds)


async def exchange_code(
    store: Store, knobs: Knobs, *, code: str, redirect_uri: str, verifier: str
) -> dict[str, Any]:
    """Exchange a code for tokens, and return the members of the token response.

    Raises:
        TokenRefused: the code is unknown, expired or used, or the redirect URI or verifier does not match. Reuse of a
            code revokes the tokens that were issued for it (OAuth 2.1, 4.1.3).
    """
    issued, now = await store.find("code", code), now_of(knobs)
    if issued is None:
        raise TokenRefused("invalid_grant", "unknown code")
    if issued.is_over(now):
        raise TokenRefused("invalid_grant", "the code has expired")
    if issued.redirect_uri != redirect_uri:
        raise TokenRefused("invalid_grant", "redirect_uri differs from that of the authorization request")
    if not knobs.ignores_pkce and not _matches(verifier, issued.challenge):
        raise TokenRefused("invalid_grant", "the verifier does not match the challenge")
    if await store.spend("code", code, now) and not knobs.accepts_code_twice:
        await store.end_family(issued.family)
        raise TokenRefused("invalid_grant", "the code was used before")
    end = now + timedelta(seconds=knobs.refresh_seconds)
    return await _grant(store, knobs, issued, now=now, refresh_ends_at=end)


async def refresh(store: Store, knobs: Knobs, *, token: str) -> dict[str, Any]:
    """Exchange a refresh token for the next tokens, and return the members of the token response.

    Raises:
        TokenRefused: the token is unknown, expired or revoked, or was used and its grace period is over. Such a reuse
            means theft, and revokes all tokens of the family (RFC 9700, 4.14.2).
    """
    issued, now = await store.find("refresh", token), now_of(knobs)
    if issued is None or issued.is_over(now) or not await store.is_alive(issued.family):
        raise TokenRefused("invalid_grant", "the refresh token is unknown, expired or revoked")
    if knobs.rotates and (used_at := await store.spend("refresh", token, now)):
        await store.count("refresh_reused")
        if now - used_at > timedelta(seconds=knobs.grace_seconds):
            if knobs.revokes_family_on_reuse:
                await store.end_family(issued.family)
                await store.count("family_revoked")
            raise TokenRefused("invalid_grant", "the refresh token was used before")
    end = issued.ends_at if knobs.refresh_is_fixed else now + timedelta(seconds=knobs.refresh_seconds)
    return await _grant(
        store, knobs, issued, now=now, refresh_ends_at=end, kept=None if knobs.rotates else token
    )


async def revoke(store: Store, token: str) -> None:
    """Revoke a token and its family; an unknown token is not an error (RFC 7009, 2.2)."""
    for kind in ("refresh", "access"):
        issued = await store.find(kind, token)
        if issued is not None:
            await store.end_family(issued.family)
            await store.count("revoked")


async def find_access(store: Store, knobs: Knobs, token: str) -> Issued | None:
    """Return what was issued under an access token; None if it is unknown, expired or revoked."""
    issued = await store.find("access", token)
    if issued is None or issued.is_over(now_of(knobs)) or not await store.is_alive(issued.family):
        return None
    return issued


async def _grant(
    store: Store,
    knobs: Knobs,
    issued: Issued,
    *,
    now: datetime,
    refresh_ends_at: datetime,
    kept: str | None = None,
) -> dict[str, Any]:
    scope = knobs.narrowed_scope or issued.scope
    lives = timedelta(seconds=knobs.access_seconds)
    access = await store.issue("access", Issued(issued.family, scope, now + lives), ttl=lives)
    members = {
        "access_token": access,
        "token_type": knobs.token_type,
        "expires_in": knobs.access_seconds,
        "scope": scope,
    }
    if kept is None:
        refreshable = Issued(issued.family, issued.scope, refresh_ends_at)
        members["refresh_token"] = await store.issue("refresh", refreshable, ttl=refresh_ends_at - now)
    return {name: value for name, value in members.items() if name not in knobs.omits}


def _matches(verifier: str, challenge: str) -> bool:
    made = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return bool(challenge) and hmac.compare_digest(made, challenge)
