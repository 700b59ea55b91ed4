"""What a user copied from a provider's pages is taken at once, or leaves nothing behind."""

import pytest

from dashtam.models import ProviderConnection, ProviderToken
from dashtam.resources import Resources
from dashtam.tokens.store import open_grant
from tests.support.people.linking import Person, Story

BODY = {"provider_key": "paste", "alias": "Bridge"}


async def test_it_is_active_at_once(ada: Person, resources: Resources, story: Story) -> None:
    status, begun = await ada.ask("POST", "connections", {**BODY, "secrets": {"setup_token": "right-canary"}})
    assert (status, begun["status"], begun["link"], begun["link_expires_at"]) == (201, "active", None, None)
    assert "canary" not in str(begun)
    grant = await open_grant(begun["id"], keys=resources.keys)
    assert grant.access_token.get_secret_value() == "canary-access-url-right-canary"
    assert await story() == [
        "connection.created succeeded",
        "connection.activated succeeded",
        "authorization.completed succeeded",
    ]


@pytest.mark.parametrize(
    ("secrets", "status", "code"),
    [
        ({"setup_token": "wrong"}, 422, "secret_refused"),
        ({}, 422, "invalid_body"),
        ({"other": "right"}, 422, "invalid_body"),
        ({"setup_token": "right", "other": "x"}, 422, "invalid_body"),
        ({"setup_token": "right" * 9}, 422, "invalid_body"),
        ({"setup_token": " "}, 422, "invalid_body"),
        ({"setup_token": 1}, 422, "invalid_body"),
        (None, 422, "invalid_body"),
    ],
)
async def test_what_is_not_taken_leaves_no_connection(
    ada: Person, secrets: object, status: int, code: str
) -> None:
    seen, body = await ada.ask("POST", "connections", {**BODY, "secrets": secrets})
    assert (seen, body["code"]) == (status, code)
    assert "right" not in str(body)
    assert not await ProviderConnection.exists()
    # The name is free for the next attempt.
    assert (await ada.ask("POST", "connections", {**BODY, "secrets": {"setup_token": "right"}}))[0] == 201


async def test_what_was_taken_before_is_refused_and_the_user_is_warned(ada: Person, story: Story) -> None:
    for alias, expected in (("one", 201), ("two", 422)):
        body = {**BODY, "alias": alias, "secrets": {"setup_token": "right"}}
        status, answer = await ada.ask("POST", "connections", body)
        assert status == expected
    assert "may have been stolen" in answer["detail"]
    assert (await story())[-1] == "authorization.completed failed secret_refused"


async def test_a_name_that_is_taken_is_said_before_the_token_is_spent(ada: Person, story: Story) -> None:
    await ada.ask("POST", "connections", {**BODY, "secrets": {"setup_token": "right"}})
    status, body = await ada.ask("POST", "connections", {**BODY, "secrets": {"setup_token": "right2"}})
    assert (status, body["code"]) == (409, "alias_taken")
    assert (await story())[-1] == "connection.created denied alias_taken"
    assert (
        await ada.ask("POST", "connections", {**BODY, "alias": "b", "secrets": {"setup_token": "right2"}})
    )[0] == 201


async def test_it_is_reconnected_in_place_and_stays_as_it_is_where_that_fails(ada: Person) -> None:
    _, begun = await ada.ask("POST", "connections", {**BODY, "secrets": {"setup_token": "right"}})
    path = f"connections/{begun['id']}/reconnections"
    assert (await ada.ask("POST", path, {"secrets": {"setup_token": "wrong"}}))[0] == 422
    assert (await ada.ask("GET", f"connections/{begun['id']}"))[1]["status"] == "active"
    assert (await ada.ask("POST", path, {}))[0] == 422
    assert (await ada.ask("POST", path, {"secrets": {"setup_token": "right2"}}))[0] == 201
    assert (await ProviderToken.get(connection_id=begun["id"])).version == 2


async def test_secrets_are_not_for_a_provider_that_asks_in_a_browser(ada: Person) -> None:
    body = {"provider_key": ada.provider_key, "alias": "x", "secrets": {"setup_token": "right"}}
    status, answer = await ada.ask("POST", "connections", body)
    assert (status, answer["code"]) == (409, "not_connectable")


async def test_a_key_makes_one_attempt_of_two_requests(ada: Person) -> None:
    body = {**BODY, "secrets": {"setup_token": "right"}}
    first = await ada.ask("POST", "connections", body, Idempotency_Key="k")
    assert (await ada.ask("POST", "connections", body, Idempotency_Key="k")) == first
    assert first[0] == 201
