"""A request that is sent again is answered again, and does nothing twice."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from quart.typing import TestClientProtocol as Client
from quart.wrappers import Response
from tortoise import connections

from dashtam.models import AuditEntry, Outcome, Provider, StoredAnswer, User
from dashtam.resources import Resources
from dashtam.sealing.errors import SealError
from dashtam.web.stored_responses import IdempotencyKey, KeptResponse, respond_once
from tests.support.makers.rows import make_user
from tests.support.servers.noteboard import build_app

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
async def user(resources: Resources) -> User:
    return await make_user()


@pytest.fixture
def client(resources: Resources, user: User) -> Client:
    return build_app(resources, user_id=user.id).test_client()


async def send(client: Client, text: str = "canary", key: str | None = KEY, **body: object) -> Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/notes", json={"text": text, **body}, headers=headers)


async def notes(text: str = "canary") -> int:
    return await Provider.filter(description=text).count()


async def test_the_second_answer_is_the_first_one(client: Client) -> None:
    first, second = await send(client), await send(client)
    assert first.status_code == second.status_code == 201
    assert await first.get_data() == await second.get_data()
    assert first.headers["Location"] == second.headers["Location"]
    assert first.content_type == second.content_type == "application/json"
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert await notes() == 1


async def test_without_a_key_each_request_is_its_own(client: Client) -> None:
    for _ in range(2):
        assert (await send(client, key=None)).status_code == 201
    assert await notes() == 2
    assert await StoredAnswer.all().count() == 0


async def test_another_key_is_another_attempt(client: Client) -> None:
    await send(client, key="a")
    await send(client, key="b")
    assert await notes() == 2


async def test_quotes_belong_to_the_header_and_not_to_the_key(client: Client) -> None:
    await send(client, key=KEY)
    assert (await send(client, key=f'"{KEY}"')).headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("key", ["", '""', '"a', "a b", "a,b", "x" * 256, "ä", '"a";b=c', "a\x7f"])
async def test_a_key_that_is_none_is_refused(client: Client, key: str) -> None:
    response = await send(client, key=key)
    problem = await response.get_json(force=True)
    assert (response.status_code, problem["errors"][0]["name"]) == (400, "Idempotency-Key")
    assert await notes() == 0


async def test_two_keys_at_once_are_refused(client: Client) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a"), ("Content-Type", "application/json")]
    response = await client.post("/notes", data=b'{"text": "x"}', headers=headers)
    assert response.status_code == 400


async def test_a_key_that_comes_with_another_request_is_refused(client: Client) -> None:
    await send(client)
    response = await send(client, count=1)
    assert response.status_code == 422
    assert (await response.get_json(force=True))["code"] == "idempotency_key_reused"
    other = await client.post("/notes?x=1", json={"text": "canary"}, headers={"Idempotency-Key": KEY})
    assert other.status_code == 422
    assert await notes() == 1


async def test_keys_of_two_users_do_not_meet(client: Client, resources: Resources) -> None:
    other = build_app(resources, user_id=(await make_user()).id).test_client()
    await send(client)
    assert "Idempotent-Replayed" not in (await send(other)).headers
    assert await notes() == 2


@pytest.mark.parametrize(("text", "status"), [("raise", 404), ("refuse", 409), ("x" * 101, 422)])
async def test_what_failed_left_nothing_and_may_be_tried_again(
    client: Client, text: str, status: int
) -> None:
    assert (await send(client, text)).status_code == status
    assert await notes(text) == 0
    assert await StoredAnswer.all().count() == 0
    assert (await send(client, "better")).status_code == 201


async def test_neither_key_nor_request_nor_answer_is_stored_in_clear(client: Client) -> None:
    first = json.loads(await (await send(client)).get_data())["key"]
    rows = await connections.get("default").execute_query_dict(
        "SELECT stored_answers::text AS row, convert_from(answer_sealed, 'UTF8') AS sealed FROM stored_answers"
    )
    (row,) = rows
    assert row["sealed"].startswith("v2.k-")
    for secret in (KEY, "canary", first):
        assert secret not in str(row)


async def test_an_answer_does_not_open_for_another_claim(user: User, resources: Resources) -> None:
    async def act() -> KeptResponse:
        return KeptResponse(201, {}, "canary")

    async def once(claim: IdempotencyKey) -> None:
        keys, trail = resources.keys, resources.trail
        await respond_once(claim, fingerprint="f", keys=keys, trail=trail, act=act)

    for key in ("a", "b"):
        claim = IdempotencyKey(user.id, "route", key)
        await once(claim)
    one, two = await StoredAnswer.all().order_by("id")
    one.answer_sealed = two.answer_sealed
    await one.save()
    with pytest.raises(SealError):
        await once(IdempotencyKey(user.id, "route", "a"))


async def test_what_was_denied_stays_audited_where_all_else_is_rolled_back(
    user: User, resources: Resources
) -> None:
    async def act(status: int) -> KeptResponse:
        for outcome in (Outcome.SUCCEEDED, Outcome.DENIED):
            await resources.trail.record("note.created", outcome, actor="canary")
        return KeptResponse(status, {}, "canary")

    for status in (409, 201):
        claim, keys = IdempotencyKey(user.id, "route", "a"), resources.keys
        ask = partial(respond_once, claim, fingerprint="f", keys=keys, trail=resources.trail)
        assert await ask(act=partial(act, status)) == (KeptResponse(status, {}, "canary"), False)
    entries = await AuditEntry.filter(actor="canary").order_by("sequence")
    assert [entry.outcome for entry in entries] == [Outcome.DENIED, Outcome.SUCCEEDED, Outcome.DENIED]


async def test_cookies_and_other_headers_are_given_once(client: Client) -> None:
    await send(client)
    headers = (await send(client)).headers
    assert "Set-Cookie" not in headers
    assert "canary" not in str(headers)


async def test_an_expired_answer_is_forgotten(client: Client) -> None:
    await send(client, key="old")
    await send(client)
    await StoredAnswer.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert "Idempotent-Replayed" not in (await send(client)).headers
    assert await notes() == 3
    assert await StoredAnswer.all().count() == 1


async def test_an_answer_is_kept_for_a_day(client: Client) -> None:
    await send(client)
    left = (await StoredAnswer.get()).expires_at - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


async def test_a_user_takes_their_answers_along(client: Client, user: User) -> None:
    await send(client)
    await user.delete()
    assert await StoredAnswer.all().count() == 0
