"""The callback takes an answer once, of the provider, browser, user and session that it was asked of, or not at all."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from quart.typing import TestClientProtocol as Client

from dashtam.app import create_callback_app
from dashtam.audit.caller import UNKNOWN
from dashtam.connections.callbacks import MAX_ANSWERS
from dashtam.models import (
    AuthorizationRequest,
    ConnectionReason,
    ConnectionStatus,
    ProviderConnection,
    ProviderToken,
    Revocation,
    Role,
    SessionKind,
    User,
    UserSession,
)
from dashtam.providers.registry import Registry
from dashtam.resources import Resources
from tests.support.banks.bank import Bank, BankAdapter
from tests.support.makers.rows import make_provider, make_user
from tests.support.people.linking import Person, Sign, Story, relinked
from tests.support.people.surfer import Surfer


async def refused(surfer: Surfer, answer: str, bank: Bank, *, asked: int = 0) -> str:
    """The answer is refused with the one page, and the provider hears nothing of it."""
    response = await surfer.open(answer)
    text = await response.get_data(as_text=True)
    assert response.status_code == 400, text
    assert "Nothing was connected" in text
    assert len(bank.token_requests) == asked
    assert not await ProviderToken.exists()
    return text


def changed(answer: str, **values: str | None) -> str:
    """The same answer with other values; None: without it."""
    path, _, query = answer.partition("?")
    pairs = [pair.split("=", 1) for pair in query.split("&")]
    kept = [(name, value) for name, value in pairs if name not in values]
    return f"{path}?" + "&".join(
        [f"{n}={v}" for n, v in kept]
        + [f"{n}={quote(v, safe='')}" for n, v in values.items() if v is not None]
    )


async def test_an_answer_that_comes_again_is_refused(ada: Person, bank: Bank) -> None:
    _, answer = await ada.reach_callback()
    cookies = dict(ada.surfer.cookies)
    assert (await ada.surfer.open(answer)).status_code == 303
    ada.surfer.cookies = cookies
    assert (await ada.surfer.open(answer)).status_code == 400
    assert len(bank.token_requests) == 1


async def test_an_answer_that_comes_too_late_is_refused(ada: Person, bank: Bank) -> None:
    _, answer = await ada.reach_callback()
    await AuthorizationRequest.all().update(expires_at=datetime.now(UTC))
    await refused(ada.surfer, answer, bank)
    assert await AuthorizationRequest.exists()


async def test_another_browser_gets_nowhere_and_spoils_nothing(ada: Person, bank: Bank) -> None:
    _, answer = await ada.reach_callback()
    await refused(ada.surfer.copy(), answer, bank)
    guessing = ada.surfer.copy()
    guessing.cookies = dict.fromkeys(ada.surfer.cookies, "dashtam_opener_" + "x" * 43)
    await refused(guessing, answer, bank)
    assert (await ada.surfer.open(answer)).status_code == 303


async def test_an_attackers_answer_links_nothing_to_whoever_is_made_to_open_it(
    sign_in: Sign, bank: Bank
) -> None:
    eve, victim = await sign_in(), await sign_in(SessionKind.BROWSER)
    _, answer = await eve.reach_callback()
    await refused(victim.surfer, answer, bank)
    assert await AuthorizationRequest.exists(), "without the cookie nobody looks at who is signed in"
    # Nor where the attacker could plant their cookie too: the victim is signed in as somebody else.
    victim.surfer.cookies |= eve.surfer.cookies
    await refused(victim.surfer, answer, bank)
    assert not await ProviderConnection.filter(user_id=victim.user.id).exists()


async def test_a_browser_that_was_signed_in_as_somebody_else_meanwhile_is_refused(
    sign_in: Sign, bank: Bank, story: Story
) -> None:
    ada, bob = await sign_in(), await sign_in(SessionKind.BROWSER)
    begun, answer = await ada.reach_callback()
    assert bob.visitor.token
    ada.surfer.cookies["__Host-dashtam"] = bob.visitor.token
    await refused(ada.surfer, answer, bank)
    assert not await AuthorizationRequest.exists()  # it is over, whoever comes back
    connection = await ProviderConnection.get(id=begun["id"])
    assert (connection.status, connection.reason) == (ConnectionStatus.FAILED, ConnectionReason.DENIED)
    assert (await story())[-1] == "authorization.completed denied another_user"


async def begin_in_browser(ada: Person) -> str:
    begun = await ada.surfer.open(
        "/api/v1/connections",
        "POST",
        json={"provider_key": ada.provider_key, "alias": "x"},
        headers={"X-Dashtam-Request": "1", "Sec-Fetch-Site": "same-origin"},
    )
    sent = await ada.surfer.open((await begun.get_json())["link"])
    return await ada.agree(sent.headers["Location"])


@pytest.mark.parametrize("swapped", ["gone", "another session"])
async def test_what_began_in_a_browser_session_ends_in_that_session(
    sign_in: Sign, bank: Bank, resources: Resources, story: Story, swapped: str
) -> None:
    ada = await sign_in(SessionKind.BROWSER)
    answer = await begin_in_browser(ada)
    del ada.surfer.cookies["__Host-dashtam"]
    if swapped == "another session":
        start = resources.identity.sessions.start
        tokens = await start(ada.user, kind=SessionKind.BROWSER, name="x", caller=UNKNOWN)
        ada.surfer.cookies["__Host-dashtam"] = tokens.access.get_secret_value()
    await refused(ada.surfer, answer, bank)
    assert (await story())[-1] == "authorization.completed denied another_session"


@pytest.mark.parametrize("kind", [SessionKind.PROGRAM, SessionKind.BROWSER])
async def test_signing_out_ends_it(
    sign_in: Sign, bank: Bank, resources: Resources, kind: SessionKind
) -> None:
    ada = await sign_in(kind)
    answer = (await ada.reach_callback())[1] if kind is SessionKind.PROGRAM else await begin_in_browser(ada)
    await resources.identity.sessions.end(ada.user.id, ada.session_id, caller=UNKNOWN)
    await refused(ada.surfer, answer, bank)


async def test_a_session_that_has_run_out_ends_it(ada: Person, bank: Bank, story: Story) -> None:
    _, answer = await ada.reach_callback()
    await UserSession.filter(id=ada.session_id).update(expires_at=datetime.now(UTC))
    await refused(ada.surfer, answer, bank)
    assert (await story())[-1] == "authorization.completed denied signed_out"


async def test_a_user_who_may_only_read_by_now_is_refused(ada: Person, bank: Bank, story: Story) -> None:
    _, answer = await ada.reach_callback()
    await User.filter(id=ada.user.id).update(role=Role.READ_ONLY)
    await refused(ada.surfer, answer, bank)
    assert (await story())[-1] == "authorization.completed denied read_only"


async def test_a_user_who_is_gone_ends_it(ada: Person, bank: Bank, resources: Resources) -> None:
    _, answer = await ada.reach_callback()
    await resources.identity.users.delete(ada.user, caller=UNKNOWN)
    await refused(ada.surfer, answer, bank)


async def test_the_state_of_one_provider_is_refused_at_the_path_of_another(
    ada: Person, bank: Bank, story: Story
) -> None:
    other = await make_provider()
    _, answer = await ada.reach_callback()
    await refused(ada.surfer, answer.replace(ada.provider_key, other.key), bank)
    assert (await story())[-1] == "authorization.completed denied another_provider"
    await refused(ada.surfer, answer, bank)  # who brings a state to the wrong place has lost it


@pytest.mark.parametrize(
    "spoil",
    [
        lambda issuer: f"{issuer}/",
        lambda issuer: issuer.replace("localhost", "LOCALHOST"),
        lambda issuer: issuer.replace("localhost", "evil.example"),
        lambda issuer: issuer + "x",
        lambda _: None,
    ],
    ids=["slash", "case", "host", "longer", "missing"],
)
async def test_another_issuer_is_refused(ada: Person, bank: Bank, story: Story, spoil: object) -> None:
    assert callable(spoil)
    _, answer = await ada.reach_callback()
    await refused(ada.surfer, changed(answer, iss=spoil(bank.issuer)), bank)
    assert (await story())[-1] == "authorization.completed denied another_issuer"


async def test_an_error_of_another_issuer_is_not_believed(ada: Person, bank: Bank, story: Story) -> None:
    _, answer = await ada.reach_callback()
    hostile = changed(answer, iss="https://evil.example", code=None, error="access_denied")
    text = await refused(ada.surfer, hostile, bank)
    assert "did not agree" not in text
    assert (await story())[-1] == "authorization.completed denied another_issuer"


@pytest.mark.parametrize(("is_named", "status"), [(False, 303), (True, 400)])
async def test_a_provider_that_names_no_issuer_comes_without_one(
    ada: Person, adapter: BankAdapter, is_named: bool, status: int
) -> None:
    adapter.issuer = None
    _, answer = await ada.reach_callback()
    response = await ada.surfer.open(answer if is_named else changed(answer, iss=None))
    assert response.status_code == status


@pytest.mark.parametrize(
    "more",
    ["code=x", "state=x", "error=access_denied", "access_token=x", "iss=https://evil.example", "error="],
)
async def test_a_polluted_answer_touches_nothing(ada: Person, bank: Bank, more: str) -> None:
    _, answer = await ada.reach_callback()
    await refused(ada.surfer, f"{answer}&{more}", bank)
    assert (await ada.surfer.open(answer)).status_code == 303


@pytest.mark.parametrize(
    ("error", "status", "reason", "words"),
    [
        ("access_denied", 403, "denied", "did not agree"),
        ("server_error", 503, "provider_failing", "does not respond as expected"),
        ("temporarily_unavailable", 503, "provider_failing", "does not respond as expected"),
        ("unauthorized_client", 502, "client_refused", "does not know this installation"),
        ("invalid_scope", 502, "client_refused", "does not know this installation"),
        ("<script>canary</script>", 503, "provider_failing", "does not respond as expected"),
        ("{{7*7}}", 503, "provider_failing", "does not respond as expected"),
    ],
)
async def test_a_providers_error_is_told_in_words_of_ours_and_ends_it(
    ada: Person, bank: Bank, error: str, status: int, reason: str, words: str
) -> None:
    begun, answer = await ada.reach_callback()
    hostile = urlencode(
        {
            "error_description": f"canary <svg onload=x> {{{{7*7}}}} \u202e\r\n{'x' * 2000}",
            "error_uri": "https://canary",
        }
    )
    response = await ada.surfer.open(f"{changed(answer, code=None, error=error)}&{hostile}")
    text = await response.get_data(as_text=True)
    assert response.status_code == status
    assert words in text
    assert "49" not in text
    assert not [bad for bad in ("canary", "svg", "http", "\u202e") if bad in text + str(response.headers)]
    _, shown = await ada.ask("GET", f"connections/{begun['id']}")
    assert (shown["status"], shown["reason"]) == ("failed", reason)
    assert shown["advice"]
    assert not ada.surfer.cookies
    await refused(ada.surfer, answer, bank)


async def test_an_error_without_a_state_that_waits_touches_nothing(ada: Person, bank: Bank) -> None:
    _, answer = await ada.reach_callback()
    path = answer.partition("?")[0]
    for hostile in ("error=access_denied", f"error=access_denied&state=dashtam_state_{'x' * 43}"):
        await refused(ada.surfer, f"{path}?{hostile}", bank)
    assert (await ada.surfer.open(answer)).status_code == 303


async def test_unknown_used_late_and_foreign_answers_get_the_same_page(ada: Person, bank: Bank) -> None:
    _, answer = await ada.reach_callback()
    pages = {
        await refused(ada.surfer.copy(), answer, bank),
        await refused(ada.surfer, changed(answer, state=f"dashtam_state_{'x' * 43}"), bank),
        await refused(ada.surfer, changed(answer, state=None), bank),
    }
    await AuthorizationRequest.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    pages.add(await refused(ada.surfer, answer, bank))
    assert len(pages) == 1


async def test_a_connection_that_works_goes_on_working_where_a_reconnection_fails(ada: Person) -> None:
    connection = await ada.complete()
    _, begun = await ada.ask("POST", f"connections/{connection.id}/reconnections", {})
    answer = await ada.agree(await ada.follow(begun["link"]))
    denied = await ada.surfer.open(changed(answer, code=None, error="access_denied"))
    assert denied.status_code == 403
    _, shown = await ada.ask("GET", f"connections/{connection.id}")
    assert (shown["status"], shown["reason"]) == ("active", None)


@pytest.mark.parametrize("ended", ["disconnection", "deletion"])
async def test_what_is_ended_during_the_exchange_does_not_come_back(
    ada: Person, bank: Bank, story: Story, ended: str
) -> None:
    begun, answer = await ada.reach_callback()
    bank.hold.close()
    coming = asyncio.create_task(ada.surfer.open(answer))
    await bank.hold.reached.wait()
    if ended == "disconnection":
        assert (await ada.ask("POST", f"connections/{begun['id']}/disconnection"))[0] == 200
    else:
        assert (await ada.ask("DELETE", f"connections/{begun['id']}"))[0] == 204
    bank.hold.open()
    assert (await coming).status_code == 400
    assert not await ProviderToken.exists()
    assert await Revocation.filter(connection_id=begun["id"]).count() == 2
    assert (await story())[-1] == "authorization.completed denied disconnected"
    if ended == "disconnection":
        connection = await ProviderConnection.get(id=begun["id"])
        assert (connection.status, connection.reason) == (
            ConnectionStatus.REVOKED,
            ConnectionReason.DISCONNECTED,
        )


async def test_one_address_is_counted_whatever_it_sends(ada: Person, callback: Client, bank: Bank) -> None:
    flood = {"client": (ada.surfer.ip, 1)}
    statuses = {(await callback.get("/callback/x", scope_base=flood)).status_code for _ in range(MAX_ANSWERS)}
    assert statuses == {400, 429}
    _, answer = await ada.reach_callback()
    assert (await ada.surfer.open(answer)).status_code == 429
    assert not bank.token_requests
    ada.surfer.ip = "192.0.2.77"
    assert (await ada.surfer.open(answer)).status_code == 303


async def test_the_redirect_uri_is_ours_whatever_the_request_says(
    ada: Person, bank: Bank, callback: Client, resources: Resources
) -> None:
    begun = await ada.connect()
    hostile = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=evil.example",
    }
    page = await ada.surfer.open(begun["link"], headers=hostile)
    assert page.status_code == 200
    answer = await ada.agree(await ada.follow(begun["link"]))
    assert (await ada.surfer.open(answer, headers=hostile)).status_code == 303
    assert bank.token_requests[0]["redirect_uri"].startswith(resources.settings.CALLBACK_URL)


async def test_an_answer_for_an_adapter_that_is_gone_ends_it(
    ada: Person, bank: Bank, resources: Resources
) -> None:
    begun, answer = await ada.reach_callback()
    app = create_callback_app(resources.settings, resources=relinked(resources, Registry([])))
    response = await ada.surfer.open(answer, at=app.test_client(use_cookies=False))
    assert response.status_code == 409
    assert not bank.token_requests
    connection = await ProviderConnection.get(id=begun["id"])
    assert connection.reason is ConnectionReason.CLIENT_REFUSED


async def test_the_answer_belongs_to_its_user_and_no_other_sees_the_connection(
    ada: Person, sign_in: Sign
) -> None:
    connection = await ada.complete()
    bob = await sign_in(user=await make_user())
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"alias": "mine"}),
        ("DELETE", "", None),
        ("POST", "/reconnections", {}),
        ("POST", "/disconnection", None),
    ):
        status, _ = await bob.ask(method, f"connections/{connection.id}{path}", body, If_Match="*")
        assert status == 404, (method, path)
    assert (await bob.ask("GET", "connections"))[1]["items"] == []
    assert (await ada.ask("GET", f"connections/{connection.id}"))[1]["status"] == "active"
