"""A link is opened by one browser, which is the asker's own, or says that it knows whose it is."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from dashtam.audit.caller import UNKNOWN
from dashtam.connections.authorizations import MAX_OPEN, Asker
from dashtam.models import AuthorizationRequest, Provider, Role, SessionKind, User, UserSession
from dashtam.resources import Resources
from tests.support.people.linking import OWN, Person, Sign, Story, proof
from tests.support.people.surfer import Surfer


async def refused(surfer: Surfer, link: str, status: int, method: str = "GET", **more: Any) -> str:  # noqa: ANN401
    response = await surfer.open(link, method, **more)
    text = await response.get_data(as_text=True)
    assert response.status_code == status, text
    assert "Location" not in response.headers
    assert not await AuthorizationRequest.filter(state_hash__not_isnull=True).exists()
    return text


async def test_the_page_says_whose_account_it_is_and_nothing_leaks_from_it(ada: Person) -> None:
    await Provider.filter(key=ada.provider_key).update(name='Bank "<b>')
    begun = await ada.connect("<script>")
    page = await ada.surfer.open(begun["link"])
    text = await page.get_data(as_text=True)
    assert ada.user.email in text
    assert "<b>" not in text
    assert text.count("Bank &quot;&lt;b&gt;") >= 3
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    policy = page.headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' https:"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert not re.search(r"https?://|src=|href=|style|<script", text)
    # Of what a page of the same browser proves, the page shows a hash alone.
    (cookie,) = ada.surfer.cookies.values()
    assert cookie not in text
    assert begun["link"].rpartition("/")[2] not in text


async def test_looking_at_the_page_gives_the_link_to_nobody(ada: Person) -> None:
    begun = await ada.connect()
    assert (await ada.surfer.copy().open(begun["link"])).status_code == 200
    assert (await ada.follow(begun["link"])).startswith("https://localhost")


@pytest.mark.parametrize("ticket", ["x", "dashtam_connect_" + "x" * 43, "a" * 4000, "%00", "..%2f"])
async def test_a_link_that_nobody_made_leads_nowhere(surfer: Surfer, story: Story, ticket: str) -> None:
    for method in ("GET", "POST"):
        response = await surfer.open(f"https://localhost/connect/{ticket}", method)
        assert response.status_code in {400, 404}
        assert ticket not in await response.get_data(as_text=True)


async def test_a_link_that_took_too_long_leads_nowhere(ada: Person, story: Story) -> None:
    begun = await ada.connect()
    await AuthorizationRequest.all().update(expires_at=datetime.now(UTC))
    text = await refused(ada.surfer, begun["link"], 400)
    assert "leads nowhere" in text
    assert (await story())[-1] == "authorization.opened denied not_pending"


async def test_a_link_that_one_browser_has_opened_is_refused_to_another(ada: Person, story: Story) -> None:
    begun = await ada.connect()
    await ada.follow(begun["link"])
    other = ada.surfer.copy()
    for method in ("GET", "POST"):
        response = await other.open(begun["link"], method, headers=OWN)
        assert response.status_code == 403
        assert "not for this browser" in await response.get_data(as_text=True)
    assert (await story())[-1] == "authorization.opened denied another_browser"


async def test_of_two_browsers_that_open_it_at_once_one_gets_it(ada: Person, resources: Resources) -> None:
    begun = await ada.connect()
    one, two = ada.surfer.copy(), ada.surfer.copy()
    pages = [await one.open(begun["link"]), await two.open(begun["link"])]
    forms = [{"proof": await proof(page)} for page in pages]
    answers = [
        await surfer.open(begun["link"], "POST", form=form, headers=OWN)
        for surfer, form in zip((one, two), forms, strict=True)
    ]
    assert [answer.status_code for answer in answers] == [303, 403]


async def test_a_browser_that_is_signed_in_as_somebody_else_is_refused(
    ada: Person, sign_in: Sign, story: Story
) -> None:
    bob = await sign_in(SessionKind.BROWSER)
    begun = await ada.connect()
    text = await refused(bob.surfer, begun["link"], 403)
    assert ada.user.email not in text
    assert (await story())[-1] == "authorization.opened denied another_user"


async def test_a_link_of_a_browser_session_opens_in_that_session_alone(sign_in: Sign, story: Story) -> None:
    ada, again = await sign_in(SessionKind.BROWSER), None
    begun = await ada.surfer.open(
        "/api/v1/connections",
        "POST",
        json={"provider_key": ada.provider_key, "alias": "x"},
        headers={"X-Dashtam-Request": "1", "Sec-Fetch-Site": "same-origin"},
    )
    link = (await begun.get_json())["link"]
    again = await sign_in(SessionKind.BROWSER, ada.user)
    for surfer in (ada.surfer.copy(), again.surfer):
        await refused(surfer, link, 403)
        assert (await story())[-1] == "authorization.opened denied another_browser"
    assert (await ada.surfer.open(link)).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://localhost:1"},
    ],
)
async def test_a_form_of_another_site_is_refused(ada: Person, headers: dict[str, str]) -> None:
    begun = await ada.connect()
    page = await ada.surfer.open(begun["link"])
    form = {"proof": await proof(page)}
    text = await refused(ada.surfer, begun["link"], 403, "POST", form=form, headers=headers)
    assert "did not come from the page" in text


@pytest.mark.parametrize("given", ["", "x", "0" * 64, "twice", "none"])
async def test_a_form_without_the_proof_of_its_page_is_refused(ada: Person, given: str) -> None:
    begun = await ada.connect()
    page = await ada.surfer.open(begun["link"])
    right = await proof(page)
    body = {"twice": f"proof={right}&proof={right}", "none": ""}.get(given, f"proof={given}")
    headers = {**OWN, "Content-Type": "application/x-www-form-urlencoded"}
    await refused(ada.surfer, begun["link"], 403, "POST", data=body, headers=headers)


async def test_a_form_without_the_cookie_of_its_page_is_refused(ada: Person) -> None:
    begun = await ada.connect()
    page = await ada.surfer.open(begun["link"])
    stranger = ada.surfer.copy()
    await refused(stranger, begun["link"], 403, "POST", form={"proof": await proof(page)}, headers=OWN)


async def test_who_may_only_read_by_now_opens_nothing(ada: Person, story: Story) -> None:
    begun = await ada.connect()
    await User.filter(id=ada.user.id).update(role=Role.READ_ONLY)
    await refused(ada.surfer, begun["link"], 403)
    assert (await story())[-1] == "authorization.opened denied read_only"


async def test_signing_out_takes_the_link_along(ada: Person, resources: Resources) -> None:
    begun = await ada.connect()
    await resources.identity.sessions.end(ada.user.id, ada.session_id, caller=UNKNOWN)
    await refused(ada.surfer, begun["link"], 400)


async def test_a_session_that_has_run_out_takes_the_link_along(ada: Person, story: Story) -> None:
    begun = await ada.connect()
    await UserSession.filter(id=ada.session_id).update(expires_at=datetime.now(UTC))
    await refused(ada.surfer, begun["link"], 403)
    assert (await story())[-1] == "authorization.opened denied signed_out"


async def test_links_that_wait_are_few_and_those_that_took_too_long_are_removed(
    ada: Person, story: Story
) -> None:
    for number in range(MAX_OPEN):
        await ada.connect(f"x{number}")
    body = {"provider_key": ada.provider_key, "alias": "one more"}
    response = await ada.visitor.ask("POST", "connections", body)
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 600
    assert (await story())[-1] == "connection.created denied too_many_requests"
    assert await AuthorizationRequest.all().count() == MAX_OPEN
    await AuthorizationRequest.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    await ada.connect("one more")
    assert await AuthorizationRequest.all().count() == 1


async def test_a_user_asks_for_links_so_often_and_no_oftener(ada: Person) -> None:
    body = {"provider_key": "nobody", "alias": "x"}
    statuses = [(await ada.ask("POST", "connections", body))[0] for _ in range(65)]
    assert statuses == [409] * 60 + [429] * 5


async def test_a_link_of_the_shell_needs_no_session(ada: Person, resources: Resources) -> None:
    link = await resources.connections.authorizations.connect(
        Asker(ada.user.id, None, UNKNOWN), provider_key=ada.provider_key, alias="shell", return_path=""
    )
    url = f"https://localhost/connect/{link.ticket.get_secret_value()}"
    assert (await ada.surfer.open(await ada.agree(await ada.follow(url)))).status_code == 303


async def test_links_are_counted_by_network(surfer: Surfer) -> None:
    statuses = [(await surfer.open("https://localhost/connect/x")).status_code for _ in range(62)]
    assert statuses == [400] * 60 + [429] * 2


async def test_a_link_goes_to_the_provider_and_nowhere_else(ada: Person) -> None:
    begun = await ada.connect()
    parts = urlsplit(await ada.follow(begun["link"]))
    assert (parts.scheme, parts.hostname, parts.path) == ("https", "localhost", "/authorize")
    assert begun["link"].rpartition("/")[2] not in parts.geturl()
