"""The sandbox as a server, under attack by an unknown client, another page or another browser."""

import asyncio
import base64
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr
from quart import Response
from quart.typing import TestClientProtocol as Client

from dashtam.app import create_app
from dashtam.connections.pkce import challenge_of
from dashtam.errors import InvalidRequest, NotFound
from dashtam.providers.sandbox.credentials import CLIENT_ID, client_secrets, issuer
from dashtam.resources import Resources
from dashtam.sandbox.__main__ import turn
from dashtam.sandbox.consent import redirect_uri_of
from dashtam.settings.model import Environment, TestSettings
from tests.support.banks.sandbox import carried

VERIFIER = "v" * 43


@pytest.fixture
def asked(settings: TestSettings) -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": redirect_uri_of(settings),
        "scope": "accounts",
        "state": "state & more",
        "code_challenge": challenge_of(SecretStr(VERIFIER)),
        "code_challenge_method": "S256",
    }


@pytest.fixture
def authorization(settings: TestSettings) -> dict[str, str]:
    return basic(CLIENT_ID, client_secrets(settings)[0].get_secret_value())


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def open_page(client: Client, asked: dict[str, str], cookie: str = "") -> tuple[str, str]:
    """Return the ticket of the form and the cookie of the browser."""
    headers = {"Cookie": cookie} if cookie else {}
    page = await client.get(f"/sandbox/authorize?{urlencode(asked)}", headers=headers)
    assert page.status_code == 200
    ticket = re.search(r'name="ticket" value="([\w-]+)"', await page.get_data(as_text=True))
    assert ticket
    return ticket[1], page.headers["Set-Cookie"].partition(";")[0]


async def decide(client: Client, ticket: str, cookie: str, decision: str = "allow") -> Response:
    headers = {"Cookie": cookie} if cookie else {}
    return await client.post(
        "/sandbox/authorize", form={"ticket": ticket, "answer": decision}, headers=headers
    )


async def get_code(client: Client, asked: dict[str, str]) -> str:
    response = await decide(client, *await open_page(client, asked))
    assert response.status_code == 303
    return carried(response.headers["Location"])["code"]


async def ask_token(client: Client, headers: dict[str, str], **form: str) -> tuple[int, dict[str, Any]]:
    response = await client.post("/sandbox/token", form=form, headers=headers)
    return response.status_code, await response.get_json()


async def test_the_metadata_is_correct(client: Client, settings: TestSettings) -> None:
    metadata = await (await client.get("/.well-known/oauth-authorization-server/sandbox")).get_json()
    assert metadata["issuer"] == issuer(settings) == f"{settings.APP_URL}/sandbox"
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert all(
        metadata[name].startswith(f"{issuer(settings)}/") for name in metadata if name.endswith("_endpoint")
    )


async def test_the_consent_page_names_the_client_and_loads_nothing(
    client: Client, asked: dict[str, str]
) -> None:
    page = await client.get(f"/sandbox/authorize?{urlencode(asked)}")
    text = await page.get_data(as_text=True)
    assert "Dashtam" in text
    assert not re.findall(r"<(?:script|style|link|img|iframe)|(?:src|href|style)=", text)
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'self' https://localhost:")
    assert policy.endswith("; frame-ancestors 'none'")
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"))
    assert "Domain" not in cookie
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "somebody"},
        {"client_id": ""},
        {"redirect_uri": "https://evil.example.com/callback/sandbox"},
        {"redirect_uri": "{}/"},
        {"redirect_uri": "{}?x=1"},
        {"redirect_uri": "{}%2f.."},
        {"redirect_uri": ""},
    ],
)
async def test_an_unknown_client_gets_no_redirect(
    client: Client, asked: dict[str, str], change: dict[str, str]
) -> None:
    (name, value), *_ = change.items()
    response = await client.get(
        f"/sandbox/authorize?{urlencode({**asked, name: value.format(asked['redirect_uri'])})}"
    )
    assert response.status_code == 400
    assert "Location" not in response.headers


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"scope": "accounts everything"}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
    ],
)
async def test_a_client_gets_the_error_of_its_request(
    client: Client, settings: TestSettings, asked: dict[str, str], change: dict[str, str], error: str
) -> None:
    response = await client.get(f"/sandbox/authorize?{urlencode({**asked, **change})}")
    assert response.status_code == 303
    assert response.headers["Location"].startswith(f"{redirect_uri_of(settings)}?")
    assert carried(response.headers["Location"]) == {
        "error": error,
        "state": asked["state"],
        "iss": issuer(settings),
    }


async def test_a_repeated_parameter_is_refused(client: Client, asked: dict[str, str]) -> None:
    response = await client.get(f"/sandbox/authorize?{urlencode(asked)}&state=other")
    assert carried(response.headers["Location"])["error"] == "invalid_request"
    response = await client.get(
        f"/sandbox/authorize?{urlencode(asked)}&redirect_uri=https://evil.example.com"
    )
    assert response.status_code == 400


async def test_only_our_own_page_decides_and_only_once(client: Client, asked: dict[str, str]) -> None:
    ticket, cookie = await open_page(client, asked)
    _, other = await open_page(client, asked)
    for wrong in ("", other, "__Host-dashtam-sandbox="):
        assert (await decide(client, ticket, wrong)).status_code == 400
    assert (await decide(client, "riddle", cookie)).status_code == 400
    assert (await decide(client, ticket, cookie)).status_code == 303
    assert (await decide(client, ticket, cookie)).status_code == 400


async def test_two_pages_of_one_browser_can_both_be_submitted(client: Client, asked: dict[str, str]) -> None:
    first, cookie = await open_page(client, asked)
    second, again = await open_page(client, asked, cookie)
    assert again == cookie
    for ticket in (first, second):
        assert (await decide(client, ticket, cookie)).status_code == 303
    _, other = await open_page(client, asked, "__Host-dashtam-sandbox=chosen-by-a-stranger")
    assert "stranger" not in other


async def test_every_decision_except_allow_is_a_denial(client: Client, asked: dict[str, str]) -> None:
    for decision in ("deny", "", "ALLOW"):
        response = await decide(client, *await open_page(client, asked), decision)
        assert carried(response.headers["Location"])["error"] == "access_denied"


async def test_fifty_requests_at_once_use_a_code_once(
    client: Client, asked: dict[str, str], authorization: dict[str, str]
) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": await get_code(client, asked),
        "redirect_uri": asked["redirect_uri"],
        "code_verifier": VERIFIER,
    }
    responses = await asyncio.gather(*(ask_token(client, authorization, **form) for _ in range(50)))
    statuses = [status for status, _ in responses]
    assert sorted(statuses) == [200, *[400] * 49]


async def test_one_of_many_concurrent_refreshes_wins_and_without_grace_all_tokens_are_revoked(
    client: Client, asked: dict[str, str], authorization: dict[str, str]
) -> None:
    await client.put("/sandbox/knobs", json={"grace_seconds": 0}, headers=authorization)
    status, grant = await ask_token(
        client,
        authorization,
        grant_type="authorization_code",
        code=await get_code(client, asked),
        redirect_uri=asked["redirect_uri"],
        code_verifier=VERIFIER,
    )
    assert status == 200
    form = {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"]}
    responses = await asyncio.gather(*(ask_token(client, authorization, **form) for _ in range(20)))
    (won,) = [body for status, body in responses if status == 200]
    late = await client.get("/sandbox/accounts", headers={"Authorization": f"Bearer {won['access_token']}"})
    assert late.status_code == 401
    await client.put("/sandbox/knobs", headers=authorization)


async def test_a_restarted_server_keeps_its_state(
    client: Client,
    resources: Resources,
    settings: TestSettings,
    asked: dict[str, str],
    authorization: dict[str, str],
) -> None:
    ticket, cookie = await open_page(client, asked)
    reloaded = create_app(settings, resources=resources).test_client(use_cookies=False)
    decided = await decide(reloaded, ticket, cookie)
    form = {
        "grant_type": "authorization_code",
        "code": carried(decided.headers["Location"])["code"],
        "redirect_uri": asked["redirect_uri"],
        "code_verifier": VERIFIER,
    }
    assert (await ask_token(client, authorization, **form))[0] == 200


async def test_only_the_client_is_accepted(
    client: Client, asked: dict[str, str], settings: TestSettings
) -> None:
    secret = client_secrets(settings)[0].get_secret_value()
    wrong: list[dict[str, str]] = [
        {},
        basic(CLIENT_ID, "wrong"),
        basic("somebody", secret),
        basic(CLIENT_ID, ""),
        {"Authorization": f"Bearer {secret}"},
        {"Authorization": "Basic %%%"},
    ]
    for headers in wrong:
        for ask, path in (
            *((client.post, "token"), (client.post, "revoke")),
            *((client.get, "knobs"), (client.put, "knobs")),
        ):
            response = await ask(f"/sandbox/{path}", headers=headers)
            assert response.status_code == 401, (headers, path)
            assert (await response.get_json())["error"] == "invalid_client"
            assert response.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "riddle"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "riddle"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_grant"),
    ],
)
async def test_an_incomplete_token_request_is_refused(
    client: Client, authorization: dict[str, str], form: dict[str, str], error: str
) -> None:
    assert await ask_token(client, authorization, **form) == (400, {"error": error})


@pytest.mark.parametrize(
    "body",
    [
        '{"unknown": 1}',
        '{"code_seconds": 0}',
        '{"fault": "meltdown"}',
        "[]",
        "nonsense",
    ],
)
async def test_an_unknown_knob_is_refused(client: Client, authorization: dict[str, str], body: str) -> None:
    response = await client.put("/sandbox/knobs", data=body, headers=authorization)
    assert response.status_code == 400
    assert (await response.get_json(force=True))["code"] == "invalid_request"


async def test_knobs_and_counters_are_shown_and_reset(client: Client, authorization: dict[str, str]) -> None:
    turned = await client.put(
        "/sandbox/knobs", json={"fault": "503", "fault_times": 2}, headers=authorization
    )
    assert (await turned.get_json())["knobs"]["fault"] == "503"
    statuses = [(await client.post("/sandbox/token", headers=authorization)).status_code for _ in range(3)]
    assert statuses == [503, 503, 400]
    shown = await (await client.get("/sandbox/knobs", headers=authorization)).get_json()
    assert shown["counters"]["token_requests"] == 3
    rested = await (await client.put("/sandbox/knobs", headers=authorization)).get_json()
    assert rested["knobs"]["fault"] == "none"
    assert set(rested["counters"].values()) == {0}


async def test_an_operator_sets_knobs_from_a_shell(settings: TestSettings, client: Client) -> None:
    assert json.loads(await turn(settings, body='{"delay_seconds": 0.5}'))["knobs"]["delay_seconds"] == 0.5
    await client.post("/sandbox/token")
    shown = json.loads(await turn(settings, body=None))
    assert shown["knobs"]["delay_seconds"] == 0.5
    assert shown["counters"]["token_requests"] == 1
    assert json.loads(await turn(settings, body="{}"))["knobs"]["delay_seconds"] == 0
    with pytest.raises(InvalidRequest):
        await turn(settings, body='{"unknown": 1}')
    with pytest.raises(NotFound):
        await turn(settings.model_copy(update={"ENVIRONMENT": Environment.PRODUCTION}), body="{}")
