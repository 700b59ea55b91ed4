"""What administrators do with users: list them, and say what each may do."""

from uuid import uuid4

import pytest

from dashtam.models import AuditEntry, Role, User
from tests.support.people.visiting import MakeVisitor
from tests.support.people.visitors import problem

ADA = "ada@example.com"


async def test_a_changed_role_counts_from_the_next_request_on(signed_in: MakeVisitor) -> None:
    admin, ada = await signed_in("root@example.com", Role.ADMIN), await signed_in(ADA)
    assert await problem(await ada.ask("GET", "users")) == (403, "not_allowed")
    user = await User.get(email=ADA)
    changed = await admin.ask("PUT", f"users/{user.id}/role", {"role": "admin"})
    assert (await changed.get_json())["role"] == "admin"
    page = await ada.ask("GET", "users?limit=1")
    listed = await page.get_json()
    assert [entry["email"] for entry in listed["items"]] == ["root@example.com"]
    assert page.headers["Link"] == f'<{listed["next"]}>; rel="next"'
    following = await (await ada.ask("GET", listed["next"].removeprefix("/api/v1/"))).get_json()
    assert ([entry["email"] for entry in following["items"]], following["next"]) == ([ADA], None)


async def test_a_role_is_one_of_three_and_its_user_exists(signed_in: MakeVisitor) -> None:
    admin = await signed_in("root@example.com", Role.ADMIN)
    user = await User.get(email="root@example.com")
    for role in ("god", "", None):
        refused = await admin.ask("PUT", f"users/{user.id}/role", {"role": role})
        assert await problem(refused) == (422, "invalid_body")
    assert await problem(await admin.ask("PUT", f"users/{uuid4()}/role", {"role": "user"})) == (
        404,
        "not_found",
    )
    assert (await User.get(id=user.id)).role is Role.ADMIN


@pytest.mark.parametrize("role", [Role.USER, Role.READ_ONLY])
async def test_the_last_administrator_stays_one(signed_in: MakeVisitor, role: Role) -> None:
    admin = await signed_in("root@example.com", Role.ADMIN)
    root = await User.get(email="root@example.com")
    refused = await admin.ask("PUT", f"users/{root.id}/role", {"role": role})
    assert await problem(refused) == (409, "last_administrator")
    assert (await admin.ask("PUT", f"users/{root.id}/role", {"role": "admin"})).status_code == 200
    await signed_in(ADA, Role.ADMIN)
    assert (await admin.ask("PUT", f"users/{root.id}/role", {"role": role})).status_code == 200
    assert await problem(await admin.ask("GET", "users")) == (403, "not_allowed")


@pytest.mark.parametrize("role", [Role.USER, Role.READ_ONLY])
async def test_a_changed_role_is_audited_with_who_changed_it(signed_in: MakeVisitor, role: Role) -> None:
    admin = await signed_in("root@example.com", Role.ADMIN)
    await signed_in(ADA)
    user = await User.get(email=ADA)
    await admin.ask("PUT", f"users/{user.id}/role", {"role": role})
    entry = await AuditEntry.get(action="user.role_changed", user_id=user.id)
    root = await User.get(email="root@example.com")
    assert (entry.actor, entry.details) == (f"user:{root.id}", {"role": role.value})
