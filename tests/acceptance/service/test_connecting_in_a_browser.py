"""A person connects the sandbox in a real browser, from the docs page to the end: what is said here, they see."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.banks.project_sandbox import ProjectSandbox
from tests.support.people.visitors import PASSWORD
from tests.support.projects.browser import DocsPage, browsing, find_chromium
from tests.support.projects.project import ThrowawayProject, finish, read_until

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed here")

ADA, EVE = "ada@example.com", "eve@example.com"


def sign_in(page: Page, project: ThrowawayProject) -> DocsPage:
    answers = {"password": PASSWORD, "password again": PASSWORD}
    made = project.invoke_answering(answers, "user.create", "--email", ADA)
    assert made.code == 0, made.output
    docs = DocsPage(page, project)
    docs.open()
    docs.try_out("sessions", "sessions.sign_in", {"email": ADA, "password": PASSWORD, "kind": "browser"})
    return docs


def answer_the_bank(page: Page, link: str, word: str) -> None:
    page.goto(link)
    expect(page.get_by_role("heading")).to_have_text("Share your accounts?")
    page.get_by_role("button", name=word).click()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def actions(project: ThrowawayProject, connection: dict[str, Any]) -> list[str]:
    rows = project.ask(
        f"SELECT action FROM provider_audit_logs WHERE connection_id = '{connection['id']}' ORDER BY sequence"
    )
    return [action for (action,) in rows]


def test_a_person_connects_the_sandbox_refreshes_and_disconnects_in_a_browser(
    fresh: ThrowawayProject,
) -> None:
    fresh.done("up")
    with browsing(fresh) as browser:
        page = browser.new_page()
        docs = sign_in(page, fresh)
        begun = docs.try_out(
            "connections", "connections.connect", {"provider_key": "sandbox", "alias": "Everyday"}
        )
        assert begun["status"] == "pending"
        answer_the_bank(page, begun["link"], "Allow")
        expect(page.get_by_role("heading")).to_have_text("Connected")
        assert page.url == f"https://localhost:{fresh.ports['CALLBACK_PORT']}/connected"
        assert_connected_and_sealed(fresh, docs, begun)
        assert_refreshed_when_due(fresh, docs, begun)
        assert_disconnected(fresh, docs, begun)
    assert fresh.done("audit.verify")


@contextmanager
def connecting(project: ThrowawayProject, alias: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`invoke connect sandbox`, waiting; and the link that it printed."""
    process = project.start("connect", "sandbox", "--email", EVE, "--alias", alias)
    try:
        printed = read_until(process, "/connect/")
        link = re.search(r"https://\S+/connect/\S+", printed)
        assert link, printed
        yield process, link[0]
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        finish(process)


@pytest.fixture(name="eve")
def _eve(development: ThrowawayProject) -> ThrowawayProject:
    """A project with a user, which tests of this file share."""
    answers = {"password": PASSWORD, "password again": PASSWORD}
    if development.ask(f"SELECT count(*) FROM users WHERE email = '{EVE}'") == [["0"]]:
        assert development.invoke_answering(answers, "user.create", "--email", EVE).code == 0
    return development


def test_a_link_of_the_shell_says_whose_account_it_is_and_a_denial_ends_the_waiting(
    eve: ThrowawayProject,
) -> None:
    with connecting(eve, "denied") as (waiting, link), browsing(eve) as browser:
        page = browser.new_page()
        page.goto(link)
        expect(page.get_by_role("heading")).to_have_text("Connect Sandbox?")
        expect(page.locator("body")).to_contain_text(EVE)
        page.get_by_role("button", name="Continue to Sandbox").click()
        page.get_by_role("button", name="Deny").click()
        expect(page.get_by_role("heading")).to_have_text("Nothing was connected")
        expect(page.locator("body")).to_contain_text("you did not agree")
        answer = finish(waiting)
    assert answer.code == 1, answer.output
    assert "agree on the provider's page" in answer.output


def test_a_link_that_one_browser_has_opened_leads_nowhere_in_another(eve: ThrowawayProject) -> None:
    with connecting(eve, "of two browsers") as (waiting, link):
        with browsing(eve) as first:
            page = first.new_page()
            page.goto(link)
            page.get_by_role("button", name="Continue to Sandbox").click()
            expect(page.get_by_role("heading")).to_have_text("Share your accounts?")
        with browsing(eve) as second:
            page = second.new_page()
            page.goto(link)
            expect(page.get_by_role("heading")).to_contain_text("This link")
            assert not page.get_by_role("button").count()
        waiting.send_signal(signal.SIGINT)
        answer = finish(waiting)
    assert "the link was withdrawn" in answer.output


def assert_connected_and_sealed(project: ThrowawayProject, docs: DocsPage, begun: dict[str, Any]) -> None:
    shown = docs.try_out("connections", "connections.show_connection", connection_id=begun["id"])
    assert (shown["status"], shown["reason"], shown["scopes"]) == (
        "active",
        None,
        ["accounts", "transactions"],
    )
    assert instant(shown["expires_at"]) > instant(shown["connected_at"])
    ((access, refresh),) = project.ask(
        "SELECT convert_from(access_token_sealed, 'UTF8'), convert_from(refresh_token_sealed, 'UTF8') "
        f"FROM provider_tokens WHERE connection_id = '{begun['id']}'"
    )
    assert access.startswith("v2.")
    assert refresh.startswith("v2.")
    assert actions(project, begun) == [
        "connection.created",
        "authorization.started",
        "authorization.opened",
        "connection.activated",
        "authorization.completed",
    ]


def assert_refreshed_when_due(project: ThrowawayProject, docs: DocsPage, begun: dict[str, Any]) -> None:
    bank = ProjectSandbox(project)
    before = bank.counters()["refresh_issued"]
    unchanged = docs.try_out("connections", "connections.refresh", connection_id=begun["id"])
    assert bank.counters()["refresh_issued"] == before
    project.done("exec", "app", "--", "python", "-m", "tests.support.people.aging", begun["id"])
    renewed = docs.try_out("connections", "connections.refresh", connection_id=begun["id"])
    assert bank.counters()["refresh_issued"] == before + 1
    assert instant(renewed["expires_at"]) > instant(unchanged["expires_at"])
    assert actions(project, begun)[-2:] == ["token.refreshed", "connection.checked"]


def assert_disconnected(project: ThrowawayProject, docs: DocsPage, begun: dict[str, Any]) -> None:
    bank = ProjectSandbox(project)
    before = bank.counters()["revoked"]
    ended = docs.try_out("connections", "connections.disconnect", connection_id=begun["id"])
    assert (ended["status"], ended["reason"], ended["expires_at"]) == ("revoked", "disconnected", None)
    assert project.ask("SELECT count(*) FROM provider_tokens") == [["0"]]
    assert bank.counters()["revoked"] > before
    # The refresh token first, then the access token.
    assert actions(project, begun)[-3:] == ["connection.disconnected", "token.revoked", "token.revoked"]
