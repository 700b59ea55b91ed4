"""Every route, walked as everybody, does what docs/permissions.md says."""

import re
from datetime import timedelta
from typing import Final

import pytest
from quart import Quart
from quart.testing.utils import sentinel
from quart.typing import TestClientProtocol as Client

from dashtam.audit.caller import UNKNOWN
from dashtam.identity.sessions import Tokens
from dashtam.models import Role, SessionKind, User
from dashtam.resources import Resources
from tests.support.checkout import CHECKOUT
from tests.support.makers.rows import make_connection, make_user

_DOCUMENT: Final = CHECKOUT / "docs" / "permissions.md"
NAMES: Final = (
    "nobody",
    "user",
    "read-only user",
    "administrator",
    "token to read",
    "token to write",
    "somebody else",
)
BODIES: Final = {
    "PATCH /api/v1/sessions/{session_id}": {"name": "mine"},
    "PUT /api/v1/users/{user_id}/role": {"role": "user"},
    "PATCH /api/v1/connections/{connection_id}": {"alias": "mine"},
    "POST /api/v1/connections/{connection_id}/reconnections": {},
}


def read_table() -> dict[str, tuple[str, ...]]:
    rows = [
        line.strip("| ").split(" | ") for line in _DOCUMENT.read_text().splitlines() if line.startswith("| ")
    ]
    assert tuple(rows[0][1:]) == NAMES
    return {row[0]: tuple(row[1:]) for row in rows[1:]}


TABLE: Final = read_table()


def shown(rule: str) -> str:
    return re.sub("<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", rule)


async def begin(resources: Resources, name: str) -> tuple[User, Tokens]:
    """Make somebody of a kind, and the tokens that they hold."""
    role = {"read-only user": Role.READ_ONLY, "administrator": Role.ADMIN}.get(name, Role.USER)
    user, people = await make_user(role=role), resources.identity
    if name.startswith("token"):
        scope, ttl = name.removeprefix("token to "), timedelta(days=1)
        return user, await people.personal_tokens.create(
            user.id, name="x", scope=scope, ttl=ttl, caller=UNKNOWN
        )
    return user, await people.sessions.start(user, kind=SessionKind.PROGRAM, name="x", caller=UNKNOWN)


async def ask(client: Client, resources: Resources, route: str, name: str) -> int:
    """Send one request, about what belongs to whoever asks, or to somebody else."""
    user, tokens = await begin(resources, name)
    owner, theirs = (user, tokens) if name != "somebody else" else await begin(resources, "user")
    personal = await resources.identity.personal_tokens.create(
        owner.id, name="x", scope="read", ttl=timedelta(days=1), caller=UNKNOWN
    )
    connection = await make_connection(user=owner)
    ids = {
        "user_id": owner.id,
        "session_id": theirs.session.id,
        "token_id": personal.session.id,
        "connection_id": connection.id,
    }
    method, path = route.split(" ")
    bearer = {"Authorization": f"Bearer {tokens.access.get_secret_value()}"}
    response = await client.open(
        path.format(filename="docs.js", ticket="x", **ids),
        method=method,
        headers={"If-Match": "*"} | ({} if name == "nobody" else bearer),
        json=BODIES.get(route, sentinel),
    )
    return response.status_code


def test_the_table_holds_every_route_and_no_other(app: Quart) -> None:
    routes = {
        f"{method} {shown(rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.endpoint.startswith("sandbox.")  # a bank of its own, with credentials of its own
    }
    assert set(TABLE) == routes


@pytest.mark.parametrize("route", TABLE)
async def test_everybody_is_let_in_or_refused_as_the_table_says(
    client: Client, resources: Resources, route: str
) -> None:
    for name, expected in zip(NAMES, TABLE[route], strict=True):
        assert (expected == "-") is (name == "somebody else" and "_id}" not in route), route
        if expected == "-":
            continue
        status = await ask(client, resources, route, name)
        assert (str(status) if status in {401, 403, 404} else "yes") == expected, (route, name)
