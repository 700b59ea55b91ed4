"""Attacks on the way of a code, and on connections of somebody else, that need more than one hostile value."""

import re

from quart import Quart

from dashtam.app import create_app
from dashtam.models import ConnectionReason, ProviderConnection, ProviderToken
from dashtam.resources import Resources
from tests.integration.connections.test_callbacks import changed
from tests.support.banks.bank import Bank
from tests.support.people.linking import Person, Sign, Story


def code_of(answer: str) -> str:
    """The code of an answer, escaped as it came."""
    return re.search(r"[?&]code=([^&]+)", answer)[1]  # type: ignore[index]


async def test_a_code_of_another_flow_meets_another_verifier_and_nothing_is_stored(
    sign_in: Sign, bank: Bank, story: Story
) -> None:
    """The attacker has a code of the victim and puts it into an answer to a flow of their own (RFC 9700, 4.5)."""
    victim, eve = await sign_in(), await sign_in()
    _, stolen_from = await victim.reach_callback()
    begun, own = await eve.reach_callback()
    before = await story()
    answer = own.replace(code_of(own), code_of(stolen_from))
    assert (await eve.surfer.open(answer)).status_code == 409
    assert len(bank.token_requests) == 1
    assert not bank.granted
    assert not await ProviderToken.exists()
    assert (await story())[len(before) :] == ["authorization.completed failed invalid_grant"]
    connection = await ProviderConnection.get(id=begun["id"])
    assert connection.reason is ConnectionReason.GRANT_REFUSED


async def test_a_provider_that_refuses_s256_is_not_asked_without_it(ada: Person, bank: Bank) -> None:
    begun, answer = await ada.reach_callback()
    refused = await ada.surfer.open(changed(answer, code=None, error="invalid_request"))
    assert refused.status_code == 502
    assert "Location" not in refused.headers
    assert len(bank.authorized) == 1
    assert not bank.token_requests
    assert (await ProviderConnection.get(id=begun["id"])).reason is ConnectionReason.CLIENT_REFUSED
    _, again = await ada.ask("POST", f"connections/{begun['id']}/reconnections", {})
    assert "code_challenge_method=S256" in await ada.follow(again["link"])


async def test_no_route_of_a_connection_is_there_for_another_user(
    ada: Person, sign_in: Sign, resources: Resources
) -> None:
    connection = await ada.complete()
    bob = await sign_in()
    routes = {
        (method, rule.rule.removeprefix("/api/v1/").replace("<uuid:connection_id>", str(connection.id)))
        for rule in app_of(resources).url_map.iter_rules()
        if "connection_id" in rule.arguments
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert len(routes) >= 6
    for method, path in sorted(routes):
        body = {"alias": "mine"} if method == "PATCH" else {} if path.endswith("reconnections") else None
        status, problem = await bob.ask(method, path, body, If_Match="*")
        assert (status, problem["code"]) == (404, "not_found"), (method, path)
    _, shown = await ada.ask("GET", f"connections/{connection.id}")
    assert (shown["status"], shown["alias"]) == ("active", "Savings")


def app_of(resources: Resources) -> Quart:
    """The API, for its routes."""
    return create_app(resources.settings, resources=resources)
