"""From "connect" to an active connection, over two applications and a provider that answers over TLS."""

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from tortoise import connections

from dashtam.models import AuditEntry, AuthorizationRequest, ConnectionStatus, ProviderConnection, SessionKind
from dashtam.resources import Resources
from dashtam.tokens.store import open_grant
from tests.support.banks.bank import Bank
from tests.support.people.linking import Person, Sign, Story

HOSTILE_PATHS = [
    "/etc",
    "//evil.example",
    "https://evil.example",
    "/docs/",
    "/docs\r\nX: y",
    "/\\evil",
    "javascript:alert(1)",
    "/%2f/evil",
    "/docs?x",
]


async def test_a_program_begins_a_browser_agrees_and_the_connection_is_active(
    ada: Person, bank: Bank, resources: Resources, story: Story
) -> None:
    begun = await ada.connect(return_path="/docs")
    assert (begun["status"], begun["expires_at"]) == ("pending", None)
    assert begun["link"].startswith(f"{resources.settings.APP_URL}/connect/dashtam_connect_")
    answer = await ada.agree(await ada.follow(begun["link"]))
    done = await ada.surfer.open(answer)
    assert (done.status_code, done.headers["Location"]) == (303, "/connected/docs")
    assert not ada.surfer.cookies
    page = await ada.surfer.open(done.headers["Location"])
    text = await page.get_data(as_text=True)
    assert page.status_code == 200
    assert "<h1>Connected</h1>" in text
    assert f'<a href="{resources.settings.APP_URL}/docs">' in text
    _, shown = await ada.ask("GET", f"connections/{begun['id']}")
    assert (shown["status"], shown["reason"], shown["scopes"]) == (
        "active",
        None,
        ["accounts", "transactions"],
    )
    ends = datetime.fromisoformat(shown["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=29) < ends <= timedelta(minutes=30)
    grant = await open_grant(begun["id"], keys=resources.keys)
    assert grant.refresh_token is not None
    assert [t.get_secret_value() for t in (grant.access_token, grant.refresh_token)] == bank.granted
    assert await story() == [
        "connection.created succeeded",
        "authorization.started succeeded",
        "authorization.opened succeeded",
        "connection.activated succeeded",
        "authorization.completed succeeded",
    ]


async def test_a_browser_session_that_began_is_sent_on_at_once(sign_in: Sign) -> None:
    ada = await sign_in(SessionKind.BROWSER)
    headers = {"X-Dashtam-Request": "1", "Sec-Fetch-Site": "same-origin"}
    begun = await ada.surfer.open(
        "/api/v1/connections",
        "POST",
        json={"provider_key": ada.provider_key, "alias": "Savings"},
        headers=headers,
    )
    link = (await begun.get_json())["link"]
    sent = await ada.surfer.open(link)
    assert sent.status_code == 303
    answer = await ada.agree(sent.headers["Location"])
    assert (await ada.surfer.open(answer)).headers["Location"] == "/connected"
    assert await ProviderConnection.exists(user_id=ada.user.id, status=ConnectionStatus.ACTIVE)


async def test_the_provider_is_asked_with_a_challenge_a_path_of_its_own_and_the_least_scopes(
    ada: Person, bank: Bank, resources: Resources
) -> None:
    for alias in ("a", "b"):
        await ada.complete(alias=alias)
    one, two = bank.authorized
    for asked, exchanged in zip(bank.authorized, bank.token_requests, strict=True):
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"] == f"{resources.settings.CALLBACK_URL}/callback/{ada.provider_key}"
        assert exchanged["redirect_uri"] == asked["redirect_uri"]
        assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", exchanged["code_verifier"])
        digest = hashlib.sha256(exchanged["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        assert re.fullmatch(r"dashtam_state_[A-Za-z0-9_-]{43}", asked["state"])
    assert one["code_challenge"] != two["code_challenge"]
    assert one["state"] != two["state"]


async def test_neither_ticket_nor_state_nor_verifier_nor_cookie_is_stored_in_clear(ada: Person) -> None:
    begun = await ada.connect()
    url = await ada.follow(begun["link"])
    (row,) = await connections.get("default").execute_query_dict(
        "SELECT r::text AS row, convert_from(verifier_sealed, 'UTF8') AS sealed FROM authorization_requests r"
    )
    (cookie,) = ada.surfer.cookies.values()
    secrets = (begun["link"].rpartition("/")[2], parse_qs(urlsplit(url).query)["state"][0], cookie)
    assert all(secret not in row["row"] for secret in secrets)
    assert row["sealed"].startswith("v2.")
    entries = str([entry.__dict__ for entry in await AuditEntry.filter(user_id=ada.user.id)])
    assert all(secret not in entries for secret in secrets)


async def test_a_link_that_is_opened_again_by_the_same_browser_has_a_new_state(
    ada: Person, bank: Bank
) -> None:
    begun = await ada.connect()
    first = await ada.follow(begun["link"])
    again = await ada.surfer.open(begun["link"])
    assert again.status_code == 303
    late = await ada.agree(first)
    assert (await ada.surfer.open(late)).status_code == 400
    assert (await ada.surfer.open(await ada.agree(again.headers["Location"]))).status_code == 303
    assert len(bank.token_requests) == 1


async def test_two_flows_in_one_browser_do_not_collide(ada: Person) -> None:
    one, two = await ada.connect("one"), await ada.connect("two")
    urls = [await ada.follow(one["link"]), await ada.follow(two["link"])]
    assert len(ada.surfer.cookies) == 2
    for url in reversed(urls):
        assert (await ada.surfer.open(await ada.agree(url))).status_code == 303
    assert await ProviderConnection.filter(user_id=ada.user.id, status=ConnectionStatus.ACTIVE).count() == 2
    assert not await AuthorizationRequest.exists()


async def test_a_connection_is_reconnected_in_place_whatever_became_of_it(ada: Person, bank: Bank) -> None:
    connection = await ada.complete()
    for status in ConnectionStatus:
        await ProviderConnection.filter(id=connection.id).update(status=status)
        code, begun = await ada.ask("POST", f"connections/{connection.id}/reconnections", {})
        assert (code, begun["id"]) == (201, str(connection.id))
        assert begun["status"] == ("active" if status is ConnectionStatus.ACTIVE else "pending")
        assert (await ada.surfer.open(await ada.agree(await ada.follow(begun["link"])))).status_code == 303
        _, shown = await ada.ask("GET", f"connections/{connection.id}")
        assert (shown["status"], shown["connected_at"][:19]) == (
            "active",
            connection.connected_at.isoformat()[:19] if connection.connected_at else "",
        )
    assert len(bank.token_requests) == 6


async def test_a_new_link_makes_the_earlier_one_of_its_connection_useless(ada: Person) -> None:
    begun = await ada.connect()
    code, again = await ada.ask("POST", f"connections/{begun['id']}/reconnections", {})
    assert code == 201
    assert (await ada.surfer.open(begun["link"])).status_code == 400
    assert (await ada.surfer.open(again["link"])).status_code == 200


@pytest.mark.parametrize("path", HOSTILE_PATHS)
async def test_only_a_listed_path_is_led_back_to(ada: Person, path: str) -> None:
    status, body = await ada.ask(
        "POST", "connections", {"provider_key": ada.provider_key, "alias": "x", "return_path": path}
    )
    assert (status, body["errors"][0]["name"]) == (422, "return_path")
    shown = await ada.surfer.open(
        f"/connected{path.partition('?')[0].replace(chr(13), '').replace(chr(10), '')}"
    )
    assert "evil" not in str(shown.headers) + await shown.get_data(as_text=True)
    assert not await ProviderConnection.exists()
