"""/api/v1/personal-tokens: what a script may carry, and until when."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dashtam.models import Role, UserSession
from tests.support.people.visiting import MakeVisitor
from tests.support.people.visitors import OTHER_PASSWORD, PASSWORD, Visitor, problem

ADA, EVE = "ada@example.com", "eve@example.com"


async def make_token(owner: Visitor, **more: object) -> dict[str, Any]:
    body = {"name": "script", "password": PASSWORD, **more}
    response = await owner.ask("POST", "personal-tokens", body)
    assert response.status_code == 201, await response.get_data()
    made: dict[str, Any] = await response.get_json()
    return made


async def test_a_personal_token_has_a_name_a_scope_and_an_end(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    made = await make_token(ada, scope="write", days=7)
    assert made["token"].startswith("dashtam_personal_")
    listed = (await (await ada.ask("GET", "personal-tokens")).get_json())["items"]
    assert [(entry["name"], entry["scopes"]) for entry in listed] == [("script", "read write")]
    assert "token" not in listed[0]
    lasts = datetime.fromisoformat(listed[0]["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < lasts < timedelta(days=7, seconds=1)
    assert (await UserSession.get(kind="personal")).ip == ada.ip


async def test_a_personal_token_reads_and_touches_no_credentials(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA, Role.ADMIN)
    script = Visitor(ada.client, (await make_token(ada, scope="write"))["token"])
    assert (await script.ask("GET", "users/me")).status_code == 200
    for method, path in (
        ("GET", "sessions"),
        ("GET", "personal-tokens"),
        ("DELETE", "sessions"),
        ("GET", "users"),
    ):
        assert await problem(await script.ask(method, path)) == (403, "not_allowed")


async def test_a_personal_token_ends_by_its_user_alone(signed_in: MakeVisitor) -> None:
    ada, eve = await signed_in(ADA), await signed_in(EVE)
    made = await make_token(ada)
    script = Visitor(ada.client, made["token"])
    assert (await script.ask("GET", "users/me")).status_code == 200
    assert (await eve.ask("DELETE", f"personal-tokens/{made['id']}")).status_code == 404
    assert (await ada.ask("DELETE", f"personal-tokens/{made['id']}")).status_code == 204
    assert (await script.ask("GET", "users/me")).status_code == 401


async def test_a_personal_token_wants_the_password_and_sensible_bounds(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    wrong = await ada.ask("POST", "personal-tokens", {"name": "x", "password": OTHER_PASSWORD})
    assert await problem(wrong) == (401, "sign_in_refused")
    for days in (0, 367):
        body = {"name": "x", "password": PASSWORD, "days": days}
        assert await problem(await ada.ask("POST", "personal-tokens", body)) == (422, "invalid_body")
