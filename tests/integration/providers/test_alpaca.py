"""Alpaca with OAuth and with API keys."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from dashtam.connections.pkce import challenge_of
from dashtam.devenv.project.certificates import Certificates
from dashtam.outgoing import Outgoing
from dashtam.providers.alpaca.adapter import AlpacaSettings
from dashtam.providers.alpaca.adapter import build as build_oauth
from dashtam.providers.alpaca_keys.adapter import AlpacaKeysSettings
from dashtam.providers.alpaca_keys.adapter import build as build_keys
from dashtam.providers.base import OAuthAdapter, SecretAdapter
from dashtam.providers.errors import (
    ClientRefused,
    GrantRefused,
    ProviderFailure,
    ProviderNotReady,
    ResponseUnusable,
    SecretRefused,
)
from dashtam.settings.model import TestSettings
from tests.support.banks.fake_alpaca import CLIENT, CODE, LIVE_KEYS, PAPER_KEYS, SECRET, FakeAlpaca
from tests.support.banks.wire_server import Reply, WireServer, wire_server

REDIRECT_URI = "https://localhost:8182/callback/alpaca"
VERIFIER = SecretStr("v" * 43)


@pytest.fixture
async def live(certificates: Certificates) -> AsyncIterator[WireServer]:
    async with wire_server(FakeAlpaca(REDIRECT_URI), certificates) as running:
        yield running


@pytest.fixture
async def paper(certificates: Certificates) -> AsyncIterator[WireServer]:
    async with wire_server(FakeAlpaca(keys=PAPER_KEYS), certificates) as running:
        yield running


def make(live: WireServer, trusting: TestSettings, outgoing: Outgoing, secret: str = SECRET) -> OAuthAdapter:
    given = {"CLIENT_ID": CLIENT, "CLIENT_SECRET": secret, "API_URL": live.url, "APP_URL": live.url}
    own = AlpacaSettings.model_validate(given)
    return build_oauth(own, settings=trusting, outgoing=outgoing)


@pytest.fixture
def keys(live: WireServer, paper: WireServer, trusting: TestSettings, outgoing: Outgoing) -> SecretAdapter:
    own = AlpacaKeysSettings.model_validate({"LIVE_URL": live.url, "PAPER_URL": paper.url})
    adapter = build_keys(own, settings=trusting, outgoing=outgoing)
    assert isinstance(adapter, SecretAdapter)
    assert not isinstance(adapter, OAuthAdapter)
    return adapter


def entered(key_id: str, secret: str) -> dict[str, SecretStr]:
    return {"key_id": SecretStr(key_id), "secret_key": SecretStr(secret)}


async def test_a_grant_of_alpaca_does_not_expire_and_cannot_be_refreshed(
    live: WireServer, trusting: TestSettings, outgoing: Outgoing
) -> None:
    adapter = make(live, trusting, outgoing)
    url = adapter.authorization_url(
        state=SecretStr("s"), challenge=challenge_of(VERIFIER), redirect_uri=REDIRECT_URI
    )
    assert url.startswith(f"{live.url}/oauth/authorize?")
    assert "scope" not in url  # without a scope, access is read-only
    grant = await adapter.exchange(SecretStr(CODE), verifier=VERIFIER, redirect_uri=REDIRECT_URI)
    assert grant.granted_at is not None
    assert (grant.expires_at, grant.refresh_token, grant.refresh_expires_at, grant.scope) == (
        None,
        None,
        None,
        "",
    )
    assert "authorization" not in live.requests[0].headers
    with pytest.raises(GrantRefused) as refused:
        await adapter.refresh(grant)
    assert refused.value.detail == "no_refresh_token"
    assert len(live.requests) == 1
    assert not await adapter.revoke(grant.access_token, hint="access_token")


async def test_a_wrong_client_is_distinguished_from_a_wrong_code(
    live: WireServer, trusting: TestSettings, outgoing: Outgoing
) -> None:
    with pytest.raises(ClientRefused):
        await make(live, trusting, outgoing, "wrong").exchange(
            SecretStr(CODE), verifier=VERIFIER, redirect_uri=REDIRECT_URI
        )
    with pytest.raises(GrantRefused):
        await make(live, trusting, outgoing).exchange(
            SecretStr("riddle"), verifier=VERIFIER, redirect_uri=REDIRECT_URI
        )


@pytest.mark.parametrize(("pair", "scope"), [(LIVE_KEYS, "live"), (PAPER_KEYS, "paper")])
async def test_api_keys_are_verified_before_they_are_accepted(
    keys: SecretAdapter, pair: tuple[str, str], scope: str
) -> None:
    assert [field.name for field in keys.fields] == ["key_id", "secret_key"]
    grant = await keys.claim(entered(f" {pair[0]}\n", pair[1]))
    assert grant.access_token.get_secret_value() == ":".join(pair)
    assert (grant.scope, grant.expires_at, grant.refresh_token) == (scope, None, None)
    assert not await keys.revoke(grant.access_token, hint="access_token")


async def test_keys_that_both_apis_reject_are_refused(
    keys: SecretAdapter, live: WireServer, paper: WireServer
) -> None:
    with pytest.raises(SecretRefused) as refused:
        await keys.claim(entered("AKLIVE", "wrong-canary"))
    assert refused.value.detail == "keys_refused"
    assert "canary" not in str(refused.value)
    assert (len(live.requests), len(paper.requests)) == (1, 1)


@pytest.mark.parametrize(
    ("key_id", "secret"),
    [
        ("", "x"),
        ("x", " "),
        ("x" * 129, "x"),
        ("x", "a b"),
        ("x", "a\r\nX-Evil: 1"),
        ("x", "ключ"),
        ("x", "\0"),
    ],
)
async def test_a_malformed_secret_is_not_sent(
    keys: SecretAdapter, live: WireServer, key_id: str, secret: str
) -> None:
    with pytest.raises(SecretRefused) as refused:
        await keys.claim(entered(key_id, secret))
    assert refused.value.detail == "malformed"
    assert not live.requests


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (Reply(429, b"", {"Retry-After": "3"}), ProviderNotReady),
        (Reply(503), ProviderNotReady),
        (Reply(200, b"<html>"), ResponseUnusable),
        (Reply(302, b"", {"Location": "https://127.0.0.1:1/"}), ResponseUnusable),
    ],
)
async def test_a_failing_server_does_not_make_keys_wrong(
    keys: SecretAdapter, live: WireServer, reply: Reply, failure: type[ProviderFailure]
) -> None:
    live.fault = reply
    with pytest.raises(failure):
        await keys.claim(entered(*LIVE_KEYS))
