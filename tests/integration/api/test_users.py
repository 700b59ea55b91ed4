"""/api/v1/users: registering, proving an address, passwords, and leaving."""

import asyncio
import hashlib
import re
from dataclasses import replace

import pytest
from argon2.profiles import CHEAPEST
from tortoise import connections

from dashtam.app import create_app
from dashtam.identity.passwords import open_passwords
from dashtam.models import AuditEntry, OneTimeCode, ProviderToken, SessionToken, User, UserSession
from dashtam.resources import Resources, build_identity
from dashtam.settings.model import TestSettings
from tests.support.makers.rows import make_connection, make_token
from tests.support.people.visiting import MakeVisitor, make_person
from tests.support.people.visitors import OTHER_PASSWORD, PASSWORD, VISITORS_IP, Postbox, Visitor, problem

ADA = "ada@example.com"


async def actions() -> list[tuple[str, str]]:
    entries = await AuditEntry.filter(ip=VISITORS_IP).order_by("id")
    return [(entry.action, entry.outcome.value) for entry in entries]


async def test_somebody_registers_proves_the_address_and_signs_in(visitor: Visitor, postbox: Postbox) -> None:
    sent = await visitor.ask("POST", "users", {"email": "Ada@Example.com", "password": PASSWORD})
    assert (sent.status_code, await sent.get_json()) == (202, {"status": "letter_sent"})
    assert not await User.exists(email=ADA)

    body = {"code": postbox.code(ADA), "password": PASSWORD}
    made = await visitor.ask("POST", "users/verifications", body)
    assert made.status_code == 201
    assert (await made.get_json())["email"] == ADA

    await visitor.sign_in(ADA)
    me = await visitor.ask("GET", "users/me")
    assert {**await me.get_json(), "id": "", "created_at": ""} == {
        "id": "", "email": ADA, "role": "user", "created_at": "",
    }  # fmt: skip
    assert await actions() == [
        ("user.registered", "succeeded"),
        ("user.verified", "succeeded"),
        ("session.started", "succeeded"),
    ]


async def test_where_registration_is_closed_nobody_registers_and_no_letter_goes_out(
    visitor: Visitor, resources: Resources, settings: TestSettings, postbox: Postbox
) -> None:
    closed = settings.model_copy(update={"REGISTRATION_OPEN": False})
    with open_passwords(CHEAPEST) as passwords:
        people = build_identity(closed, resources.cache, resources.keys, passwords, resources.trail, postbox)
        visitor.client = create_app(closed, resources=replace(resources, identity=people)).test_client()
        refused = await visitor.ask("POST", "users", {"email": ADA, "password": PASSWORD})
    assert await problem(refused) == (403, "registration_closed")
    assert not postbox.emails
    assert not await OneTimeCode.exists()
    assert await actions() == [("user.registered", "denied")]


async def test_nothing_that_is_secret_is_stored_or_audited(visitor: Visitor, postbox: Postbox) -> None:
    await visitor.ask("POST", "users", {"email": ADA, "password": PASSWORD})
    code = postbox.code(ADA)
    assert (await OneTimeCode.get()).code_hash == hashlib.sha256(code.encode()).hexdigest()
    await visitor.ask("POST", "users/verifications", {"code": code, "password": PASSWORD})
    signed_in = await visitor.sign_in(ADA)
    secrets = [code, PASSWORD, signed_in["access_token"], signed_in["refresh_token"]]
    for table in ("users", "one_time_codes", "sessions", "session_tokens", "provider_audit_logs"):
        rows = await connections.get("default").execute_query_dict(f"SELECT t::text AS row FROM {table} t")
        assert not [row for row in rows for secret in secrets if secret in row["row"]], table


async def test_registering_a_known_address_answers_as_otherwise_and_the_letter_tells(
    visitor: Visitor, postbox: Postbox
) -> None:
    await make_person(ADA)
    answers = [
        await visitor.ask("POST", "users", {"email": email, "password": PASSWORD})
        for email in (ADA, "nobody@example.com")
    ]
    told = [(a.status_code, await a.get_data(), sorted(a.headers.keys())) for a in answers]
    assert told[0] == told[1]
    assert "already" in postbox.last(ADA).subject
    assert "dashtam_" not in postbox.last(ADA).text
    assert await OneTimeCode.all().count() == 2


async def test_asking_for_a_reset_of_an_unknown_address_answers_as_otherwise_and_the_letter_tells(
    visitor: Visitor, postbox: Postbox
) -> None:
    await make_person(ADA)
    answers = [
        await visitor.ask("POST", "users/password-resets", {"email": email})
        for email in (ADA, "nobody@example.com")
    ]
    told = [(a.status_code, await a.get_data(), sorted(a.headers.keys())) for a in answers]
    assert told[0] == told[1]
    assert "No Dashtam account" in postbox.last("nobody@example.com").subject
    assert postbox.code(ADA)


async def test_known_and_unknown_addresses_cost_the_same_statements(
    visitor: Visitor, statements: list[str]
) -> None:
    """Time is what the database and argon2 take: the same statements, and a hash each."""
    await make_person(ADA)
    await visitor.ask(
        "POST", "users/password-resets", {"email": "first@example.com"}
    )  # begins the audit chain
    for path, body in (
        ("users", {"password": PASSWORD}),
        ("users/password-resets", {}),
        ("sessions", {"password": OTHER_PASSWORD}),
    ):
        counted = []
        for email in (ADA, "nobody@example.com"):
            await asyncio.sleep(0)  # asyncpg tells of a statement in the next turn of the event loop
            statements.clear()
            await visitor.ask("POST", path, {"email": email, **body})
            await asyncio.sleep(0)
            counted.append([re.sub(r"SELECT .* FROM|savepoint_\w+", "", sent) for sent in statements])
        assert counted[0] == counted[1]


@pytest.mark.parametrize("password", ["wrong " + PASSWORD, OTHER_PASSWORD])
async def test_a_code_without_the_password_that_was_registered_makes_no_user(
    visitor: Visitor, postbox: Postbox, password: str
) -> None:
    await visitor.ask("POST", "users", {"email": ADA, "password": PASSWORD})
    body = {"code": postbox.code(ADA), "password": password}
    assert await problem(await visitor.ask("POST", "users/verifications", body)) == (400, "code_refused")
    assert not await User.exists(email=ADA)
    assert (await actions())[-1] == ("user.verified", "denied")


async def test_a_code_is_used_once_and_takes_the_others_of_its_address_along(
    visitor: Visitor, postbox: Postbox
) -> None:
    bodies = []
    for _ in range(2):
        await visitor.ask("POST", "users", {"email": ADA, "password": PASSWORD})
        bodies.append({"code": postbox.code(ADA), "password": PASSWORD})
    assert (await visitor.ask("POST", "users/verifications", bodies[0])).status_code == 201
    for body in bodies:
        assert await problem(await visitor.ask("POST", "users/verifications", body)) == (400, "code_refused")
    assert await User.filter(email=ADA).count() == 1


async def test_an_expired_code_is_refused_as_an_unknown_one_is(visitor: Visitor, postbox: Postbox) -> None:
    await visitor.ask("POST", "users", {"email": ADA, "password": PASSWORD})
    await connections.get("default").execute_query("UPDATE one_time_codes SET expires_at = now()")
    body = {"code": postbox.code(ADA), "password": PASSWORD}
    expired = await visitor.ask("POST", "users/verifications", body)
    unknown = await visitor.ask("POST", "users/verifications", {**body, "code": "dashtam_registration_x"})
    assert await problem(expired) == await problem(unknown) == (400, "code_refused")


async def test_a_code_of_one_purpose_is_no_code_of_the_other(visitor: Visitor, postbox: Postbox) -> None:
    await make_person(ADA)
    await visitor.ask("POST", "users/password-resets", {"email": ADA})
    body = {"code": postbox.code(ADA), "password": PASSWORD}
    assert await problem(await visitor.ask("POST", "users/verifications", body)) == (400, "code_refused")


@pytest.mark.parametrize(
    "email",
    ["", "ada", "ada@", "@example.com", "ada@exa mple.com", "ada@example", "a@b@example.com",
     "ada@example.com\nBcc: eve@example.com", "ada@[127.0.0.1]", '"a b"@example.com'],
)  # fmt: skip
async def test_what_is_no_address_is_refused(visitor: Visitor, email: str) -> None:
    response = await visitor.ask("POST", "users", {"email": email, "password": PASSWORD})
    assert await problem(response) == (422, "invalid_address")


@pytest.mark.parametrize("email", ["ADA@EXAMPLE.COM", "ada@EXAMPLE.com", "Ada@example.com "[:-1]])
async def test_an_address_has_one_spelling(visitor: Visitor, email: str) -> None:
    await make_person(ADA)
    await visitor.sign_in(email)


async def test_a_domain_in_letters_of_its_own_is_the_one_in_ascii(visitor: Visitor, postbox: Postbox) -> None:
    await visitor.ask("POST", "users", {"email": "ada@bücher.example.com", "password": PASSWORD})
    assert postbox.emails[-1].to == "ada@xn--bcher-kva.example.com"


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("short", "fewer than 15"),
        ("passwordpassword1", "guessed first"),
        ("ada@example.com1", "guessed first"),
    ],
)
async def test_a_password_that_is_not_safe_is_refused_and_told_why(
    visitor: Visitor, password: str, word: str
) -> None:
    response = await visitor.ask("POST", "users", {"email": ADA, "password": password})
    assert await problem(response) == (422, "password_refused")
    detail = (await response.get_json(force=True))["detail"]
    assert word in detail
    assert password not in detail


async def test_an_unknown_member_or_another_type_of_body_is_refused(visitor: Visitor) -> None:
    body = {"email": ADA, "password": PASSWORD, "role": "admin"}
    assert await problem(await visitor.ask("POST", "users", body)) == (422, "invalid_body")
    response = await visitor.client.post(
        "/api/v1/users", form={"email": ADA, "password": PASSWORD}, scope_base={"client": ("192.0.2.1", 1)}
    )
    assert response.status_code == 415


async def test_a_changed_password_ends_every_other_session_and_token(
    signed_in: MakeVisitor, visitor: Visitor, postbox: Postbox
) -> None:
    here = await signed_in(ADA)
    there = Visitor(visitor.client)
    await there.sign_in(ADA)
    made = await here.ask("POST", "personal-tokens", {"name": "script", "password": PASSWORD})
    script = Visitor(visitor.client, (await made.get_json())["token"])
    assert (await script.ask("GET", "users/me")).status_code == 200

    body = {"password": PASSWORD, "new_password": OTHER_PASSWORD}
    assert (await here.ask("PUT", "users/me/password", body)).status_code == 200
    assert "changed" in postbox.last(ADA).subject
    assert (await here.ask("GET", "users/me")).status_code == 200
    for other in (there, script):
        assert await problem(await other.ask("GET", "users/me")) == (401, "not_authenticated")
    refused = await visitor.ask("POST", "sessions", {"email": ADA, "password": PASSWORD})
    assert await problem(refused) == (401, "sign_in_refused")
    await visitor.sign_in(ADA, OTHER_PASSWORD)


async def test_a_password_is_not_changed_without_the_old_one(signed_in: MakeVisitor) -> None:
    here = await signed_in(ADA)
    body = {"password": OTHER_PASSWORD, "new_password": OTHER_PASSWORD}
    assert await problem(await here.ask("PUT", "users/me/password", body)) == (401, "sign_in_refused")
    assert (await actions())[-1] == ("user.confirmed", "denied")
    await here.sign_in(ADA)


async def test_a_forgotten_password_is_replaced_once_and_signs_out_everywhere(
    signed_in: MakeVisitor, visitor: Visitor, postbox: Postbox
) -> None:
    there = await signed_in(ADA)
    await visitor.ask("POST", "users/password-resets", {"email": ADA})
    code = postbox.code(ADA)
    weak = await visitor.ask("POST", "users/password-resets/completions", {"code": code, "new_password": "x"})
    assert await problem(weak) == (422, "password_refused")
    body = {"code": code, "new_password": OTHER_PASSWORD}
    assert (await visitor.ask("POST", "users/password-resets/completions", body)).status_code == 200
    assert await problem(await there.ask("GET", "users/me")) == (401, "not_authenticated")
    again = await visitor.ask("POST", "users/password-resets/completions", body)
    assert await problem(again) == (400, "code_refused")
    await visitor.sign_in(ADA, OTHER_PASSWORD)


async def test_whoever_leaves_takes_everything_along_but_the_audit_trail(
    signed_in: MakeVisitor, visitor: Visitor
) -> None:
    here = await signed_in(ADA)
    user = await User.get(email=ADA)
    await make_token(connection=await make_connection(user=user))
    refused = await here.ask("POST", "users/me/deletion", {"password": OTHER_PASSWORD})
    assert await problem(refused) == (401, "sign_in_refused")
    assert (await here.ask("POST", "users/me/deletion", {"password": PASSWORD})).status_code == 204
    assert await problem(await here.ask("GET", "users/me")) == (401, "not_authenticated")
    for table in (User, UserSession, SessionToken, ProviderToken):
        assert not await table.all().exists()
    assert await AuditEntry.exists(action="user.deleted", user_id=user.id)
    gone = await visitor.ask("POST", "sessions", {"email": ADA, "password": PASSWORD})
    assert await problem(gone) == (401, "sign_in_refused")
