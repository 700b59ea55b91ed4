"""A user's own connections: listed, named, ended and forgotten; nothing of a token is ever shown."""

import pytest
from tortoise import connections

from dashtam.audit.caller import UNKNOWN
from dashtam.connections.advice import advise
from dashtam.models import (
    AuditEntry,
    ConnectionReason,
    ConnectionStatus,
    ProviderConnection,
    ProviderToken,
    Revocation,
    Role,
)
from dashtam.resources import Resources
from tests.support.banks.bank import Bank, BankAdapter
from tests.support.makers.rows import make_connection, make_user
from tests.support.people.linking import Person, Sign, Story


async def test_they_come_in_pages_the_oldest_first(ada: Person) -> None:
    for number in range(5):
        await make_connection(user=ada.user, alias=f"x{number}")
    await make_connection()
    seen: list[str] = []
    path: str | None = "/api/v1/connections?limit=2"
    while path:
        _, page = await ada.ask("GET", path.removeprefix("/api/v1/"))
        seen += [item["alias"] for item in page["items"]]
        path = page["next"]
    assert seen == [f"x{number}" for number in range(5)]


async def test_no_answer_holds_anything_of_a_token(ada: Person, bank: Bank, resources: Resources) -> None:
    connection = await ada.complete()
    shown = [
        await ada.ask("GET", "connections"),
        await ada.ask("GET", f"connections/{connection.id}"),
        await ada.ask("PATCH", f"connections/{connection.id}", {"alias": "y"}, If_Match="*"),
        await ada.ask("POST", f"connections/{connection.id}/reconnections", {}),
        await ada.ask("POST", f"connections/{connection.id}/disconnection"),
    ]
    assert [status for status, _ in shown] == [200, 200, 200, 201, 200]
    assert not [secret for secret in bank.granted if secret in str(shown)]
    entries = str([entry.__dict__ for entry in await AuditEntry.filter(user_id=ada.user.id)])
    assert "canary" not in entries
    tables = (
        "provider_tokens",
        "authorization_requests",
        "revocations",
        "stored_answers",
        "provider_connections",
    )
    for table in tables:
        rows = await connections.get("default").execute_query_dict(f"SELECT t::text AS row FROM {table} t")
        assert "canary" not in str(rows)
        assert b"canary".hex() not in str(rows)


async def test_a_name_is_changed_by_who_has_seen_the_one_before(ada: Person, story: Story) -> None:
    connection = await ada.complete()
    path = f"connections/{connection.id}"
    tag = (await ada.visitor.ask("GET", path)).headers["ETag"]
    assert (await ada.ask("PATCH", path, {"alias": "New"}))[0] == 428
    assert (await ada.ask("PATCH", path, {"alias": "New"}, If_Match='"x"'))[0] == 412
    changed = await ada.visitor.ask("PATCH", path, {"alias": "New"}, If_Match=tag)
    assert (await changed.get_json())["alias"] == "New"
    assert changed.headers["ETag"] != tag
    assert (await ada.ask("PATCH", path, {"alias": "Again"}, If_Match=tag))[0] == 412
    assert (await story())[-3:] == [
        "connection.renamed denied precondition_failed",
        "connection.renamed succeeded",
        "connection.renamed denied precondition_failed",
    ]


async def test_two_connections_of_one_user_have_two_names(ada: Person, sign_in: Sign, story: Story) -> None:
    one = await ada.connect("one")
    await ada.connect("two")
    status, body = await ada.ask("PATCH", f"connections/{one['id']}", {"alias": "two"}, If_Match="*")
    assert (status, body["code"]) == (409, "alias_taken")
    status, body = await ada.ask("POST", "connections", {"provider_key": ada.provider_key, "alias": " two "})
    assert (status, body["code"]) == (409, "alias_taken")
    assert (await story())[-2:] == [
        "connection.renamed denied alias_taken",
        "connection.created denied alias_taken",
    ]
    await (await sign_in()).connect("two")


@pytest.mark.parametrize("alias", ["", "   ", "x" * 101, "a\x00b"])
async def test_a_name_that_is_none_is_refused(ada: Person, alias: str) -> None:
    status, _ = await ada.ask("POST", "connections", {"provider_key": ada.provider_key, "alias": alias})
    assert status == 422


async def test_what_nothing_here_can_connect_to_is_said_to_be_so(ada: Person, adapter: BankAdapter) -> None:
    status, body = await ada.ask("POST", "connections", {"provider_key": "plaid", "alias": "x"})
    assert (status, body["code"]) == (409, "not_connectable")
    adapter.is_configured = False
    status, body = await ada.ask("POST", "connections", {"provider_key": ada.provider_key, "alias": "x"})
    assert (status, body["code"]) == (409, "provider_not_configured")
    assert not await ProviderConnection.exists()


async def test_a_request_that_is_sent_again_makes_one_connection_and_one_link(ada: Person) -> None:
    body = {"provider_key": ada.provider_key, "alias": "x"}
    first = await ada.visitor.ask("POST", "connections", body, Idempotency_Key="k")
    second = await ada.visitor.ask("POST", "connections", body, Idempotency_Key="k")
    assert await first.get_data() == await second.get_data()
    assert (second.status_code, second.headers["Idempotent-Replayed"]) == (201, "true")
    assert first.headers["Location"] == second.headers["Location"]
    assert "RateLimit" in second.headers
    assert await ProviderConnection.all().count() == 1


async def test_who_may_only_read_reads(ada: Person, sign_in: Sign) -> None:
    user = await make_user(role=Role.READ_ONLY)
    connection = await make_connection(user=user)
    reader = await sign_in(user=user)
    assert (await reader.ask("GET", f"connections/{connection.id}"))[0] == 200
    for method, path in (
        ("POST", "/reconnections"),
        ("POST", "/disconnection"),
        ("DELETE", ""),
        ("PATCH", ""),
    ):
        assert (await reader.ask(method, f"connections/{connection.id}{path}", {}))[0] == 403


async def test_disconnecting_makes_the_token_useless_at_once_and_tells_the_provider(
    ada: Person, bank: Bank, story: Story
) -> None:
    connection = await ada.complete()
    status, shown = await ada.ask("POST", f"connections/{connection.id}/disconnection")
    assert (status, shown["status"], shown["reason"]) == (200, "revoked", "disconnected")
    assert (shown["expires_at"], shown["scopes"]) == (None, [])
    assert not await ProviderToken.exists()
    assert not await Revocation.exists()
    access, refresh = bank.granted
    assert bank.revoked == [(refresh, "refresh_token"), (access, "access_token")]
    assert (await story())[-3:] == [
        "connection.disconnected succeeded",
        "token.revoked succeeded",
        "token.revoked succeeded",
    ]
    assert (await ada.ask("POST", f"connections/{connection.id}/disconnection"))[0] == 200
    assert len(bank.revoked) == 2


async def test_disconnecting_takes_the_links_along(ada: Person) -> None:
    begun = await ada.connect()
    assert (await ada.ask("POST", f"connections/{begun['id']}/disconnection"))[0] == 200
    assert (await ada.surfer.open(begun["link"])).status_code == 400


async def test_a_provider_that_is_away_is_told_later_and_the_token_is_useless_all_the_same(
    ada: Person, bank: Bank
) -> None:
    connection = await ada.complete()
    bank.revocation_status = 503
    assert (await ada.ask("POST", f"connections/{connection.id}/disconnection"))[0] == 200
    assert not await ProviderToken.exists()
    rows = await Revocation.all().order_by("id")
    assert [(row.attempts, row.failure) for row in rows] == [(1, "status_503")] * 2


async def test_forgetting_ends_it_first(ada: Person, bank: Bank, story: Story) -> None:
    connection = await ada.complete()
    assert await ada.ask("DELETE", f"connections/{connection.id}") == (204, None)
    assert len(bank.revoked) == 2
    assert not await ProviderConnection.exists()
    assert "connection.deleted succeeded" in await story()
    assert await AuditEntry.filter(connection_id=connection.id).exists()
    assert (await ada.ask("DELETE", f"connections/{connection.id}"))[0] == 404


async def test_who_leaves_leaves_no_token_behind_at_a_provider(
    ada: Person, bank: Bank, resources: Resources
) -> None:
    await ada.complete("one")
    await ada.complete("two")
    await resources.identity.users.delete(ada.user, caller=UNKNOWN)
    assert not await ProviderToken.exists()
    assert await Revocation.filter(user_id=ada.user.id).count() == 4
    assert not bank.revoked  # the refresher tells, after the user is gone


async def test_there_is_advice_for_every_status_and_reason() -> None:
    for status in ConnectionStatus:
        for reason in [None, *ConnectionReason]:
            text = advise(status, reason)
            assert text.endswith(".")
            assert "token" not in text
