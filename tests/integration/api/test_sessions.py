"""/api/v1/sessions: who is signed in, from where, and until when."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from argon2 import PasswordHasher, Type
from quart import Response
from quart.typing import TestClientProtocol as Client

from dashtam.audit.caller import UNKNOWN
from dashtam.identity.errors import SignInRefused
from dashtam.models import AuditEntry, SessionKind, SessionToken, User, UserSession
from dashtam.resources import Resources
from dashtam.security.tokens import BROWSER_IDLE_TTL, REFRESH_GRACE
from tests.support.people.visiting import MakeVisitor, make_person
from tests.support.people.visitors import OTHER_PASSWORD, PASSWORD, Visitor, problem

ADA, EVE = "ada@example.com", "eve@example.com"
OWN_PAGE = {"X_Dashtam_Request": "1", "Sec_Fetch_Site": "same-origin"}


async def refresh(visitor: Visitor, token: str) -> Response:
    return await visitor.ask("POST", "sessions/refreshes", {"refresh_token": token})


async def age_refresh_tokens() -> None:
    await SessionToken.filter(used_at__isnull=False).update(
        used_at=datetime.now(UTC) - REFRESH_GRACE - timedelta(seconds=1)
    )


async def test_a_program_is_given_two_tokens_and_their_end(visitor: Visitor) -> None:
    await make_person(ADA)
    body = await visitor.sign_in(ADA, name="laptop")
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert body["access_token"].startswith("dashtam_access_")
    assert len(body["refresh_token"].removeprefix("dashtam_refresh_")) == 43
    assert (body["session"]["name"], body["session"]["kind"]) == ("laptop", "program")


@pytest.mark.parametrize(
    ("ip", "agent", "seen"),
    [
        ("192.0.2.1", "x" * 5000, ("192.0.2.1", "x" * 512)),
        ("fe80::1%eth0", "curl/8 \x1b[31m", ("fe80::1", "curl/8 \ufffd[31m")),
        ("unix", "", (None, "")),
    ],
)
async def test_whatever_a_caller_says_of_itself_is_stored_as_text(
    visitor: Visitor, ip: str, agent: str, seen: tuple[str | None, str]
) -> None:
    await make_person(ADA)
    visitor.ip = ip
    body = {"email": ADA, "password": PASSWORD}
    response = await visitor.ask("POST", "sessions", body, User_Agent=agent)
    assert response.status_code == 201, await response.get_data()
    session = (await response.get_json())["session"]
    assert (session["ip"], session["user_agent"]) == seen


async def test_a_wrong_password_and_an_unknown_address_are_refused_alike(visitor: Visitor) -> None:
    await make_person(ADA)
    answers = [
        await visitor.ask("POST", "sessions", {"email": email, "password": OTHER_PASSWORD})
        for email in (ADA, EVE, "no address")
    ]
    bodies = [{**await a.get_json(force=True), "trace_id": ""} for a in answers]
    assert bodies[0] == bodies[1] == bodies[2]
    assert await problem(answers[0]) == (401, "sign_in_refused")
    assert answers[0].headers["WWW-Authenticate"] == 'Bearer realm="dashtam"'
    denied = await AuditEntry.filter(action="session.started", outcome="denied", ip=visitor.ip).count()
    assert denied == 3


async def test_a_weaker_hash_is_made_anew_at_the_next_sign_in(visitor: Visitor) -> None:
    user = await make_person(ADA)
    weak = PasswordHasher(1, 8, 1, type=Type.I).hash(PASSWORD)
    await User.filter(id=user.id).update(password_hash=weak)
    await visitor.sign_in(ADA)
    assert (await User.get(id=user.id)).password_hash.startswith("$argon2id$")
    await visitor.sign_in(ADA)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "bearer dashtam_access_" + "x" * 43]
)
async def test_a_token_that_is_none_is_refused_with_a_challenge(client: Client, header: str) -> None:
    response = await client.get("/api/v1/users/me", headers={"Authorization": header} if header else {})
    assert await problem(response) == (401, "not_authenticated")
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="dashtam"')
    assert ("invalid_token" in response.headers["WWW-Authenticate"]) is bool(header)


async def test_a_refresh_token_is_no_access_token_and_the_other_way_round(visitor: Visitor) -> None:
    await make_person(ADA)
    body = await visitor.sign_in(ADA)
    visitor.token = body["refresh_token"]
    assert (await visitor.ask("GET", "users/me")).status_code == 401
    visitor.token = None
    assert await problem(await refresh(visitor, body["access_token"])) == (401, "not_authenticated")


async def test_a_refresh_hands_out_the_next_pair_in_the_same_session(visitor: Visitor) -> None:
    await make_person(ADA)
    first = await visitor.sign_in(ADA)
    visitor.token = None
    second = await (await refresh(visitor, first["refresh_token"])).get_json()
    assert second["session"]["id"] == first["session"]["id"]
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    for token in (first["access_token"], second["access_token"]):
        assert (await Visitor(visitor.client, token).ask("GET", "users/me")).status_code == 200


async def test_two_that_refresh_at_once_keep_the_session_and_one_is_told(visitor: Visitor) -> None:
    await make_person(ADA)
    first = await visitor.sign_in(ADA)
    visitor.token = None
    second = await (await refresh(visitor, first["refresh_token"])).get_json()
    assert await problem(await refresh(visitor, first["refresh_token"])) == (409, "already_refreshed")
    assert (await refresh(visitor, second["refresh_token"])).status_code == 200


async def test_a_refresh_token_that_comes_again_later_ends_the_whole_family(visitor: Visitor) -> None:
    await make_person(ADA)
    first = await visitor.sign_in(ADA)
    visitor.token = None
    second = await (await refresh(visitor, first["refresh_token"])).get_json()
    holder = Visitor(visitor.client, second["access_token"])
    assert (await holder.ask("GET", "users/me")).status_code == 200
    await age_refresh_tokens()
    assert await problem(await refresh(visitor, first["refresh_token"])) == (401, "not_authenticated")
    assert (await holder.ask("GET", "users/me")).status_code == 401
    assert (await refresh(visitor, second["refresh_token"])).status_code == 401
    entry = await AuditEntry.get(action="session.reuse_detected")
    assert (entry.outcome.value, entry.details["session_id"]) == ("denied", first["session"]["id"])


async def test_a_refresh_token_whose_successor_was_used_ends_the_family_at_once(visitor: Visitor) -> None:
    await make_person(ADA)
    tokens = [(await visitor.sign_in(ADA))["refresh_token"]]
    visitor.token = None
    for _ in range(2):
        tokens.append((await (await refresh(visitor, tokens[-1])).get_json())["refresh_token"])
    assert await problem(await refresh(visitor, tokens[0])) == (401, "not_authenticated")
    assert (await refresh(visitor, tokens[2])).status_code == 401


async def test_what_has_expired_is_refused(visitor: Visitor) -> None:
    await make_person(ADA)
    body = await visitor.sign_in(ADA)
    refresh_token, past = body["refresh_token"], datetime.now(UTC) - timedelta(seconds=1)
    await SessionToken.all().update(expires_at=past)
    assert (await visitor.ask("GET", "users/me")).status_code == 401
    visitor.token = None
    assert (await refresh(visitor, refresh_token)).status_code == 401


async def test_a_session_ends_at_its_time_whatever_its_tokens_say(visitor: Visitor) -> None:
    await make_person(ADA)
    body = await visitor.sign_in(ADA)
    await UserSession.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await visitor.ask("GET", "users/me")).status_code == 401
    visitor.token = None
    assert (await refresh(visitor, body["refresh_token"])).status_code == 401


async def test_sessions_are_listed_named_and_ended_by_their_user_alone(
    signed_in: MakeVisitor, visitor: Visitor
) -> None:
    ada, eve = await signed_in(ADA), await signed_in(EVE)
    other = Visitor(visitor.client)
    await other.sign_in(ADA)
    listed = (await (await ada.ask("GET", "sessions")).get_json())["items"]
    assert [entry["is_current"] for entry in listed] == [False, True]
    path = f"sessions/{listed[0]['id']}"
    for method, body in (("PATCH", {"name": "mine"}), ("DELETE", None)):
        assert await problem(await eve.ask(method, path, body)) == (404, "not_found")
        assert await problem(await ada.ask(method, f"sessions/{uuid4()}", body)) == (404, "not_found")
    renamed = await (await ada.ask("PATCH", path, {"name": " desk "})).get_json()
    assert (renamed["name"], renamed["is_current"]) == ("desk", False)
    assert (await ada.ask("DELETE", path)).status_code == 204
    assert (await other.ask("GET", "users/me")).status_code == 401
    assert len((await (await ada.ask("GET", "sessions")).get_json())["items"]) == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00b", "a\nb", "a\n", "\ta"])
async def test_a_name_is_short_and_printable(signed_in: MakeVisitor, name: str) -> None:
    ada = await signed_in(ADA)
    session = await UserSession.get()
    response = await ada.ask("PATCH", f"sessions/{session.id}", {"name": name})
    assert await problem(response) == (422, "invalid_body")


async def test_signing_out_ends_the_session_at_once(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    assert (await ada.ask("GET", "users/me")).status_code == 200
    assert (await ada.ask("DELETE", "sessions/current")).status_code == 204
    assert (await ada.ask("GET", "users/me")).status_code == 401


async def test_all_other_sessions_end_together(signed_in: MakeVisitor, visitor: Visitor) -> None:
    ada = await signed_in(ADA)
    others = [Visitor(visitor.client) for _ in range(3)]
    for other in others:
        await other.sign_in(ADA)
    assert (await ada.ask("DELETE", "sessions")).status_code == 204
    assert [(await other.ask("GET", "users/me")).status_code for other in others] == [401, 401, 401]
    assert (await ada.ask("GET", "users/me")).status_code == 200


async def test_an_identity_is_remembered_and_forgotten_before_the_session_ends(
    signed_in: MakeVisitor, resources: Resources, statements: list[str]
) -> None:
    ada = await signed_in(ADA)
    await ada.ask("GET", "sessions/current")
    await ada.ask("GET", "users/me")
    await asyncio.sleep(0)  # asyncpg tells of a statement in the next turn of the event loop
    statements.clear()
    await ada.ask("GET", "users/me")
    await asyncio.sleep(0)
    assert statements
    assert not [statement for statement in statements if "session_tokens" in statement]
    await ada.ask("DELETE", "sessions/current")
    assert (await ada.ask("GET", "users/me")).status_code == 401


async def test_a_session_is_locked_before_its_tokens_are_read_so_that_none_is_added_meanwhile(
    signed_in: MakeVisitor, statements: list[str]
) -> None:
    ada = await signed_in(ADA)
    await asyncio.sleep(0)  # asyncpg tells of a statement in the next turn of the event loop
    statements.clear()
    assert (await ada.ask("DELETE", "sessions/current")).status_code == 204
    await asyncio.sleep(0)
    kinds = {
        "lock": r'"sessions".* FOR UPDATE',
        "read": r'SELECT.*"session_tokens"',
        "end": 'DELETE FROM "sessions"',
    }
    found = [kind for sent in statements for kind, shape in kinds.items() if re.search(shape, sent)]
    assert found[-3:] == ["lock", "read", "end"]


async def test_a_session_begins_under_a_lock_on_its_user(visitor: Visitor, statements: list[str]) -> None:
    await make_person(ADA)
    await visitor.sign_in(ADA)
    await asyncio.sleep(0)  # asyncpg tells of a statement in the next turn of the event loop
    order = {"lock": r'FROM "users".* FOR UPDATE', "begin": 'INSERT INTO "sessions"'}
    assert [kind for sent in statements for kind, shape in order.items() if re.search(shape, sent)] == [
        *order
    ]


async def test_a_password_that_changed_after_it_was_shown_begins_no_session(resources: Resources) -> None:
    shown = await make_person(ADA)
    await User.filter(id=shown.id).update(password_hash="another")
    with pytest.raises(SignInRefused):
        await resources.identity.sessions.start(shown, kind=SessionKind.PROGRAM, name="x", caller=UNKNOWN)
    assert not await UserSession.all().exists()


async def test_what_a_slow_request_read_before_is_not_remembered_behind_the_end(
    signed_in: MakeVisitor, resources: Resources
) -> None:
    ada = await signed_in(ADA)
    (key,) = [f"identity:{t.token_hash}" for t in await SessionToken.filter(kind="access")]
    await ada.ask("DELETE", "sessions/current")
    await resources.cache.remember(key, '{"stale": true}', ttl=timedelta(seconds=30))
    assert not await resources.cache.recall(key)
    assert (await ada.ask("GET", "users/me")).status_code == 401


async def sign_in_browser(visitor: Visitor, **headers: str) -> Response:
    body = {"email": ADA, "password": PASSWORD, "kind": "browser"}
    return await visitor.ask("POST", "sessions", body, **headers)


async def test_a_browser_holds_a_cookie_that_its_scripts_cannot_read(visitor: Visitor) -> None:
    await make_person(ADA)
    response = await sign_in_browser(visitor, **OWN_PAGE)
    assert response.status_code == 201
    assert "dashtam_" not in await response.get_data(as_text=True)
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-dashtam=dashtam_browser_")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {*cookie.split("; ")}
    assert "Domain" not in cookie
    held = {"Cookie": cookie.partition(";")[0]}
    assert (await visitor.ask("GET", "users/me", **held)).status_code == 200
    ended = await visitor.ask("DELETE", "sessions/current", **held, **OWN_PAGE)
    assert ended.status_code == 204
    assert "Max-Age=0" in ended.headers["Set-Cookie"]
    assert (await visitor.ask("GET", "users/me", **held)).status_code == 401


async def test_the_cookie_changes_at_every_sign_in_and_the_earlier_one_ends(visitor: Visitor) -> None:
    await make_person(ADA)
    held: list[str] = []
    for _ in range(2):
        response = await sign_in_browser(visitor, **OWN_PAGE, **({"Cookie": held[-1]} if held else {}))
        held.append(response.headers["Set-Cookie"].partition(";")[0])
    assert held[0] != held[1]
    statuses = [(await visitor.ask("GET", "users/me", Cookie=cookie)).status_code for cookie in held]
    assert statuses == [401, 200]


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"X_Dashtam_Request": "1", "Sec_Fetch_Site": "same-origin"}, True),
        ({"X_Dashtam_Request": "1", "Origin": "https://localhost"}, True),
        ({"X_Dashtam_Request": "1"}, False),
        ({"Sec_Fetch_Site": "same-origin"}, False),
        ({"X_Dashtam_Request": "1", "Sec_Fetch_Site": "same-site"}, False),
        ({"X_Dashtam_Request": "1", "Sec_Fetch_Site": "cross-site"}, False),
        ({"X_Dashtam_Request": "1", "Sec_Fetch_Site": "none"}, False),
        ({"X_Dashtam_Request": "1", "Origin": "null"}, False),
        ({"X_Dashtam_Request": "1", "Origin": "https://localhost:3000"}, False),
        ({"X_Dashtam_Request": "1", "Origin": "http://localhost"}, False),
        ({"X_Dashtam_Request": "1", "Origin": "https://localhost.evil.example"}, False),
        (
            {"X_Dashtam_Request": "1", "Sec_Fetch_Site": "same-origin", "Origin": "https://evil.example"},
            False,
        ),
    ],
)
async def test_a_browser_changes_something_from_our_own_pages_alone(
    visitor: Visitor, headers: dict[str, str], is_ours: bool
) -> None:
    await make_person(ADA)
    cookie = (await sign_in_browser(visitor, **OWN_PAGE)).headers["Set-Cookie"].partition(";")[0]
    answers = [
        await sign_in_browser(visitor, **headers),
        await visitor.ask("DELETE", "sessions", Cookie=cookie, **headers),
    ]
    assert [a.status_code for a in answers] == ([201, 204] if is_ours else [403, 403])


async def test_a_browser_that_is_silent_for_an_hour_is_signed_out(visitor: Visitor) -> None:
    await make_person(ADA)
    cookie = (await sign_in_browser(visitor, **OWN_PAGE)).headers["Set-Cookie"].partition(";")[0]
    almost = datetime.now(UTC) - BROWSER_IDLE_TTL + timedelta(minutes=1)
    await UserSession.all().update(last_seen_at=almost)
    assert (await visitor.ask("GET", "users/me", Cookie=cookie)).status_code == 200
    assert (await UserSession.get()).last_seen_at > almost
    session = await UserSession.get()
    cookie = (await sign_in_browser(visitor, **OWN_PAGE)).headers["Set-Cookie"].partition(";")[0]
    await UserSession.exclude(id=session.id).update(last_seen_at=datetime.now(UTC) - BROWSER_IDLE_TTL)
    assert (await visitor.ask("GET", "users/me", Cookie=cookie)).status_code == 401


async def test_two_credentials_at_once_are_refused(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    response = await ada.ask("GET", "users/me", Cookie="__Host-dashtam=dashtam_browser_x")
    assert await problem(response) == (400, "invalid_request")
