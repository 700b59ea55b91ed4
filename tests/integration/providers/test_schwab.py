"""Schwab, as far as its behavior is publicly known."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from dashtam.connections.pkce import challenge_of
from dashtam.devenv.project.certificates import Certificates
from dashtam.outgoing import Outgoing
from dashtam.providers.base import OAuthAdapter, TokenGrant
from dashtam.providers.errors import (
    ClientRefused,
    GrantRefused,
    NotConfigured,
    ProviderFailure,
    ProviderNotReady,
    ResponseUnusable,
)
from dashtam.providers.schwab.adapter import PROFILE, SchwabSettings, build
from dashtam.settings.model import TestSettings
from tests.support.banks.fake_schwab import (
    CODE,
    EXPIRED,
    ID_TOKEN,
    KEY,
    SECRET,
    UNSUPPORTED,
    FakeSchwab,
    refused,
)
from tests.support.banks.wire_server import Reply, WireServer, wire_server

REDIRECT_URI = "https://127.0.0.1:8182/callback/schwab"
VERIFIER = SecretStr("v" * 43)
HTML = b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD></HTML>"


@pytest.fixture
def schwab() -> FakeSchwab:
    return FakeSchwab(REDIRECT_URI)


@pytest.fixture
async def server(schwab: FakeSchwab, certificates: Certificates) -> AsyncIterator[WireServer]:
    async with wire_server(schwab, certificates) as running:
        yield running


def make(server: WireServer, trusting: TestSettings, outgoing: Outgoing, **own: str) -> OAuthAdapter:
    given = {"CLIENT_ID": KEY, "CLIENT_SECRET": SECRET, "API_URL": server.url, **own}
    settings = SchwabSettings.model_validate(given)
    return build(settings, settings=trusting, outgoing=outgoing)


@pytest.fixture
def adapter(server: WireServer, trusting: TestSettings, outgoing: Outgoing) -> OAuthAdapter:
    return make(server, trusting, outgoing)


async def exchange(adapter: OAuthAdapter, code: str = CODE) -> TokenGrant:
    return await adapter.exchange(SecretStr(code), verifier=VERIFIER, redirect_uri=REDIRECT_URI)


def test_the_authorization_url_is_that_of_the_portal(adapter: OAuthAdapter, server: WireServer) -> None:
    url = adapter.authorization_url(
        state=SecretStr("state"), challenge=challenge_of(VERIFIER), redirect_uri=REDIRECT_URI
    )
    assert url.startswith(f"{server.url}/v1/oauth/authorize?")
    assert parse_qs(urlsplit(url).query) == {
        "response_type": ["code"],
        "client_id": [KEY],
        "redirect_uri": [REDIRECT_URI],
        "scope": ["readonly"],
        "state": ["state"],
        "code_challenge": [challenge_of(VERIFIER)],
        "code_challenge_method": ["S256"],
    }
    assert SECRET not in url


async def test_a_code_that_ends_in_an_at_sign_is_encoded_once(
    adapter: OAuthAdapter, server: WireServer
) -> None:
    await exchange(adapter)
    assert b"code=C0.b2F1dGgy%40&" in server.requests[0].body + b"&"
    with pytest.raises(GrantRefused):
        await exchange(adapter, CODE.replace("@", "%40"))


async def test_access_expires_after_30_minutes_and_the_grant_after_seven_days(adapter: OAuthAdapter) -> None:
    grant = await exchange(adapter)
    assert grant.granted_at is not None
    assert grant.expires_at == grant.granted_at + timedelta(minutes=30)
    assert grant.refresh_expires_at == grant.granted_at + timedelta(days=7)
    days_later = replace(grant, refresh_expires_at=grant.granted_at + timedelta(days=1))
    fresh = await adapter.refresh(days_later)
    assert fresh.refresh_expires_at == days_later.refresh_expires_at
    assert fresh.access_token != grant.access_token
    assert fresh.refresh_token == grant.refresh_token


async def test_no_id_token_is_kept_and_no_secret_shows(adapter: OAuthAdapter) -> None:
    grant = await exchange(adapter)
    secrets = [value.get_secret_value() for value in vars(grant).values() if isinstance(value, SecretStr)]
    assert len(secrets) == 2
    assert ID_TOKEN not in "".join(secrets) + repr(grant)
    assert "canary" not in repr(grant) + repr(vars(adapter))


async def test_a_response_does_not_change_an_endpoint(adapter: OAuthAdapter, server: WireServer) -> None:
    hostile = dict.fromkeys(("issuer", "token_endpoint", "revocation_endpoint"), "https://localhost:1")
    body = {"access_token": "a", "token_type": "Bearer", "refresh_token": "r", **hostile}
    server.fault = Reply(body=json.dumps(body).encode())
    grant = await exchange(adapter)
    await adapter.refresh(grant)
    assert [request.path for request in server.requests] == ["/v1/oauth/token"] * 2
    assert not await adapter.revoke(grant.access_token, hint="access_token")


@pytest.mark.parametrize(
    ("reply", "failure", "detail"),
    [
        (refused(400, UNSUPPORTED), GrantRefused, "unsupported_token_type"),
        (refused(400, EXPIRED), GrantRefused, "refresh_token_authentication_error"),
        (refused(400, {"error": "invalid_grant"}), GrantRefused, "invalid_grant"),
        (
            refused(401, {"error": "invalid_client", "error_description": "refresh token invalid"}),
            GrantRefused,
            "invalid_client",
        ),
        (
            refused(401, {"error": "invalid_client", "error_description": "Unauthorized"}),
            ClientRefused,
            "invalid_client",
        ),
        (refused(401, {"errors": [{"status": 401, "title": "Unauthorized"}]}), ClientRefused, "forbidden"),
        (Reply(403, HTML), ClientRefused, "not_approved"),
        (Reply(500, b"<html><h1>Whitelabel Error Page</h1>"), ProviderNotReady, "failing"),
        (Reply(500, b'{"error": "unsupported_token_type"}'), ProviderNotReady, "failing"),
        (Reply(503, b"", {"Retry-After": "30"}), ProviderNotReady, "failing"),
        (Reply(429, b"", {"Retry-After": "30"}), ProviderNotReady, "too_many"),
        (
            refused(400, {"fault": {"faultstring": "Body buffer overflow"}}),
            ResponseUnusable,
            "unknown_answer",
        ),
        (Reply(200, HTML), ResponseUnusable, "not_json"),
        (Reply(200, b"x" * 65_536, repeats=800), ResponseUnusable, "too_large"),
        (Reply(302, b"", {"Location": "https://localhost:1/"}), ResponseUnusable, "redirected"),
        (Reply(307, b"", {"Location": "/v1/oauth/token"}), ResponseUnusable, "redirected"),
        (Reply(200, b"{}{}", hangs_up_after=1), ProviderNotReady, "answer_lost"),
    ],
)
async def test_error_responses_to_a_refresh_are_classified(
    adapter: OAuthAdapter, server: WireServer, reply: Reply, failure: type[ProviderFailure], detail: str
) -> None:
    grant = await exchange(adapter)
    server.fault = reply
    with pytest.raises(failure) as raised:
        await adapter.refresh(grant)
    assert type(raised.value) is failure
    assert raised.value.detail == detail
    assert "canary" not in str(raised.value)
    assert len(server.requests) == 2
    if "Retry-After" in reply.headers:
        assert raised.value.retry_after == timedelta(seconds=30)


async def test_the_same_errors_for_a_code_do_not_mean_the_refresh_token(
    adapter: OAuthAdapter, server: WireServer
) -> None:
    server.fault = refused(400, UNSUPPORTED)
    with pytest.raises(ResponseUnusable):
        await exchange(adapter)


async def test_a_secret_is_replaced_without_an_outage(
    server: WireServer, schwab: FakeSchwab, trusting: TestSettings, outgoing: Outgoing
) -> None:
    adapter = make(server, trusting, outgoing, CLIENT_SECRET_NEXT="next-canary")
    grant = await exchange(adapter)
    schwab.secrets = {"next-canary"}
    grant = await adapter.refresh(grant)
    assert len(server.requests) == 3  # the old one was tried first
    await adapter.refresh(grant)
    await exchange(adapter)
    assert len(server.requests) == 5  # the one that works is remembered
    schwab.secrets = {SECRET}
    await adapter.refresh(grant)
    schwab.secrets = set()
    with pytest.raises(ClientRefused):
        await adapter.refresh(grant)
    assert len(server.requests) == 9


async def test_a_code_is_not_sent_with_the_other_secret_unless_the_first_was_refused(
    server: WireServer, trusting: TestSettings, outgoing: Outgoing
) -> None:
    adapter = make(server, trusting, outgoing, CLIENT_SECRET_NEXT="next-canary")
    for reply in (Reply(500), Reply(200, b"{}", hangs_up_after=1), refused(400, {"error": "invalid_grant"})):
        server.requests.clear()
        server.fault = reply
        with pytest.raises(ProviderFailure):
            await exchange(adapter)
        assert len(server.requests) == 1


async def test_the_configured_scope_is_requested_and_the_granted_scope_is_kept(adapter: OAuthAdapter) -> None:
    grant = await exchange(adapter)
    assert PROFILE.scopes == ("readonly",)
    assert grant.scope == "api"
    assert not PROFILE.missing_scopes(grant.scope)


async def test_without_client_id_nothing_is_sent(
    server: WireServer, trusting: TestSettings, outgoing: Outgoing
) -> None:
    bare = make(server, trusting, outgoing, CLIENT_ID="", CLIENT_SECRET="")
    assert not bare.is_configured
    with pytest.raises(NotConfigured):
        await exchange(bare)
    assert not server.requests
