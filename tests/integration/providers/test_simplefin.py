"""SimpleFIN: the setup token names the server, so the server is not trusted."""

import base64
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from dashtam.devenv.project.certificates import Certificates
from dashtam.outgoing import Outgoing
from dashtam.providers.base import OAuthAdapter, SecretAdapter
from dashtam.providers.errors import ProviderFailure, ProviderNotReady, ResponseUnusable, SecretRefused
from dashtam.providers.settings import ProviderSettings
from dashtam.providers.simplefin.adapter import build, read_setup_token
from dashtam.settings.model import Environment, TestSettings
from tests.support.banks.fake_simplefin import FakeBridge, setup_token
from tests.support.banks.wire_server import Reply, WireServer, wire_server

TOKEN = "demo-claim-canary"


@pytest.fixture
def bridge() -> FakeBridge:
    return FakeBridge()


@pytest.fixture
async def server(bridge: FakeBridge, certificates: Certificates) -> AsyncIterator[WireServer]:
    async with wire_server(bridge, certificates) as running:
        bridge.access_url = f"https://user-canary:pass-canary@localhost:{running.port}/simplefin\n"
        yield running


@pytest.fixture
def adapter(trusting: TestSettings, outgoing: Outgoing) -> SecretAdapter:
    found = build(ProviderSettings(), settings=trusting, outgoing=outgoing)
    assert isinstance(found, SecretAdapter)
    assert not isinstance(found, OAuthAdapter)
    assert found.is_configured
    return found


def claim_url(server: WireServer, token: str = TOKEN) -> str:
    return f"{server.url}/simplefin/claim/{token}"


def entered(text: str) -> dict[str, SecretStr]:
    return {"setup_token": SecretStr(text)}


async def test_a_setup_token_is_claimed_once(
    adapter: SecretAdapter, bridge: FakeBridge, server: WireServer
) -> None:
    token = setup_token(claim_url(server))
    grant = await adapter.claim(entered(f"  {token}\n"))
    assert grant.access_token.get_secret_value() == bridge.access_url.strip()
    assert grant.granted_at is not None
    assert (grant.expires_at, grant.refresh_token, grant.scope) == (None, None, "")
    assert "canary" not in repr(grant)
    assert not await adapter.revoke(grant.access_token, hint="access_token")
    with pytest.raises(SecretRefused) as refused:
        await adapter.claim(entered(token))
    assert refused.value.detail == "claimed_before"
    assert "may have been stolen" in refused.value.sentence
    assert "canary" not in str(refused.value)


def test_both_alphabets_of_base64_are_read_with_padding_and_without() -> None:
    url = "https://bridge.example.com/claim/???>>>~~~x"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(url.encode()).decode()
        for text in (encoded, encoded.rstrip("=")):
            assert read_setup_token(SecretStr(text)) == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://bridge.example.com/claim/x", "https://169.254.169.254/claim/x", "https://10.0.0.1/claim/x"),
        *("https://[::1]/claim/x", "https://u:p@bridge.example.com/claim/x", "https://2130706433/claim/x"),
        *("https://bridge/claim/x", "file:///etc/passwd", "https://bridge.example.com/claim/x#y", "", " "),
        "https://bridge.example.com\r\nHost: x/claim",
    ],
)
async def test_a_token_for_a_forbidden_server_is_refused_without_a_call(
    adapter: SecretAdapter, url: str
) -> None:
    with pytest.raises(SecretRefused):
        await adapter.claim(entered(setup_token(url)))


async def test_production_claims_nothing_on_this_machine(trusting: TestSettings, server: WireServer) -> None:
    settings = trusting.model_copy(update={"ENVIRONMENT": Environment.PRODUCTION})
    outgoing = Outgoing(settings)
    adapter = build(ProviderSettings(), settings=settings, outgoing=outgoing)
    with pytest.raises(SecretRefused) as refused:
        await adapter.claim(entered(setup_token(claim_url(server))))
    await outgoing.close()
    assert refused.value.detail == "address_refused"
    assert server.connections == 0


@pytest.mark.parametrize("text", ["", "!!!", "aGVsbG8", "a" * 5000, "w7w=", "aGk= aGk="])
async def test_a_malformed_setup_token_is_refused(adapter: SecretAdapter, text: str) -> None:
    with pytest.raises(SecretRefused):
        await adapter.claim(entered(text))


@given(st.text(max_size=60))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_refused_without_another_error(text: str) -> None:
    try:
        url = read_setup_token(SecretStr(text))
    except SecretRefused:
        return
    assert url.isascii()


@pytest.mark.parametrize(
    "shape",
    [
        *("", "nonsense", "https://localhost:{port}/simplefin", "http://u:p@localhost:{port}/simplefin"),
        *(
            "https://u@localhost:{port}/simplefin",
            "https://:p@localhost:{port}/x",
            "https://u:p@127.0.0.1:{port}/x",
        ),
        *("https://u:p@evil.example.com/x", "https://u:p@localhost:{port}@evil.example.com/", "<html>"),
        *(
            "https://u:p@localhost:1/x",
            "https://u:p@localhost:{port}/x?y=1",
            "https://u:p@localhost:{port}/x#y",
        ),
        *(
            "https://u:p@localhost:{port}/x\nhttps://u:p@localhost:{port}/y",
            "https://u:p@[::1]:{port}/x",
            "\u00ff",
        ),
    ],
)
async def test_an_access_url_must_be_on_the_same_server(
    adapter: SecretAdapter, server: WireServer, bridge: FakeBridge, shape: str
) -> None:
    bridge.access_url = shape.format(port=server.port)
    with pytest.raises(ResponseUnusable) as raised:
        await adapter.claim(entered(setup_token(claim_url(server))))
    assert raised.value.detail in {"access_url", "access_url_host"}
    assert not shape or shape not in str(raised.value)


@pytest.mark.parametrize(
    ("reply", "failure", "detail"),
    [
        (Reply(404), SecretRefused, "unknown"),
        (Reply(429, b"", {"Retry-After": "3600"}), ProviderNotReady, "too_many"),
        (Reply(503), ProviderNotReady, "failing"),
        (Reply(402), ResponseUnusable, "unknown_answer"),
        (Reply(302, b"", {"Location": "https://localhost:1/"}), ResponseUnusable, "redirected"),
        (Reply(200, b"x" * 65_536, repeats=800), ResponseUnusable, "too_large"),
        (Reply(200, b"https://", hangs_up_after=3), ProviderNotReady, "answer_lost"),
    ],
)
async def test_each_failure_of_a_bridge_has_its_class_and_is_not_retried(
    adapter: SecretAdapter, server: WireServer, reply: Reply, failure: type[ProviderFailure], detail: str
) -> None:
    server.fault = reply
    with pytest.raises(failure) as raised:
        await adapter.claim(entered(setup_token(claim_url(server))))
    assert raised.value.detail == detail
    assert "canary" not in str(raised.value)
    assert len(server.requests) == 1
