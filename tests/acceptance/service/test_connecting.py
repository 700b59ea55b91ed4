"""A provider is connected as docs/api.md says, over HTTPS and both binds, against the real servers and the sandbox."""

import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from dashtam.devenv.components import EngineName
from tests.acceptance.service.test_sign_in import CALLS, run
from tests.support.people.visitors import PASSWORD
from tests.support.projects.project import ThrowawayProject, finish, read_until, throwaway_project

SIGN_IN: Final = CALLS[0]
CONNECT, SHOW, RECONNECT, DISCONNECT = CALLS[4:8]
STORY: Final = [
    "connection.created succeeded",
    "authorization.started succeeded",
    "authorization.opened succeeded",
    "connection.activated succeeded",
    "authorization.completed succeeded",
    "authorization.started succeeded",
    "authorization.opened succeeded",
    "token.replaced succeeded",
    "authorization.completed succeeded",
    "connection.disconnected succeeded",
    "token.revoked succeeded",
    "token.revoked succeeded",
]


@pytest.fixture(scope="module", name="linked")
def _linked(engine: EngineName, folder: Path) -> Iterator[ThrowawayProject]:
    """A project of its own, with one user."""
    with throwaway_project(engine, folder, "linked") as project:
        project.done("up")
        made = project.invoke_answering(
            {"password": PASSWORD, "password again": PASSWORD}, "user.create", "--email", "ada@example.com"
        )
        assert made.code == 0, made.output
        yield project


def browser(project: ThrowawayProject) -> httpx.Client:
    context = ssl.create_default_context(cafile=str(project.home / "certificates" / "ca.pem"))
    return httpx.Client(verify=context, timeout=120)


def agree(project: ThrowawayProject, link: str, *, answer: str = "allow") -> httpx.Response:
    """Do what a person does: follow the link, go on, decide at the provider, and land where that leads."""
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    with browser(project) as client:
        page = client.get(link)
        assert "ada@example.com" in page.text
        (proof,) = re.findall(r'name="proof" value="(\w+)"', page.text)
        consent = client.post(link, data={"proof": proof}, headers=own, follow_redirects=True)
        assert "/sandbox/authorize" in str(consent.url), consent.text
        (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', consent.text)
        origin = f"https://localhost:{project.ports['APP_PORT']}"
        return client.post(
            f"{origin}/sandbox/authorize",
            data={"ticket": ticket, "answer": answer},
            headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
            follow_redirects=True,
        )


def begin(project: ThrowawayProject, *words: str) -> "tuple[subprocess.Popen[str], str]":
    """Run `invoke connect`, and answer the link that it prints."""
    process = project.start("connect", *words)
    text = read_until(process, "/connect/dashtam_connect_")
    return process, re.findall(r"https://\S+/connect/dashtam_connect_[\w-]{43}", text)[-1]


def test_the_verb_connects_the_sandbox_and_the_calls_of_the_readme_go_on_from_there(
    linked: ThrowawayProject,
) -> None:
    process, link = begin(linked, "sandbox")
    landed = agree(linked, link)
    assert landed.status_code == 200
    assert str(landed.url) == f"https://localhost:{linked.ports['CALLBACK_PORT']}/connected"
    assert "<h1>Connected</h1>" in landed.text
    told = finish(process)
    assert told.code == 0, told.output
    assert "connected" in told.output

    token = {"ACCESS_TOKEN": run(linked, SIGN_IN)["access_token"]}
    begun = run(linked, CONNECT, **token)
    assert (begun["alias"], begun["status"]) == ("Savings", "pending")
    assert "<h1>Connected</h1>" in agree(linked, begun["link"]).text
    shown = run(linked, SHOW, **token)["items"]
    assert [(item["alias"], item["status"]) for item in shown] == [
        ("Sandbox", "active"),
        ("Savings", "active"),
    ]
    assert all(item["expires_at"] for item in shown)

    again = run(linked, RECONNECT, **token, ID=begun["id"])
    assert again["id"] == begun["id"]
    assert "<h1>Connected</h1>" in agree(linked, again["link"]).text
    ended = run(linked, DISCONNECT, **token, ID=begun["id"])
    assert (ended["status"], ended["reason"]) == ("revoked", "disconnected")

    entries = linked.ask(
        f"SELECT action, outcome FROM provider_audit_logs WHERE connection_id = '{begun['id']}' ORDER BY sequence"
    )
    story = [f"{action} {outcome}" for action, outcome in entries]
    assert story == STORY
    assert linked.done("audit.verify")


def test_who_says_no_is_told_so_and_so_is_the_shell(linked: ThrowawayProject) -> None:
    process, link = begin(linked, "sandbox", "--alias", "Denied", "--email", "ada@example.com")
    landed = agree(linked, link, answer="deny")
    assert landed.status_code == 403
    assert "did not agree" in landed.text
    told = finish(process)
    assert told.code == 1
    assert "Denied is failed (reason: denied)" in told.output


def test_nothing_of_it_stands_in_a_log(linked: ThrowawayProject) -> None:
    process, link = begin(linked, "sandbox", "--alias", "Logged")
    agree(linked, link)
    assert finish(process).code == 0
    log = linked.done("logs", "--tail", "2000")
    assert '"path": "/connect/***"' in log or "/connect/***" in log
    found = re.findall(r"code=\w|dashtam_(?:connect|state|opener)_\w{20}|[?&](?:code|state|iss)=", log)
    assert not found
    assert json.dumps(link.rpartition("/")[2]) not in log
