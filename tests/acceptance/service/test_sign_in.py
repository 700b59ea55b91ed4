"""A new user signs in as docs/api.md says, over HTTPS, against the real servers."""

import asyncio
import json
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from dashtam.devenv.components import EngineName
from tests.support.checkout import CHECKOUT
from tests.support.people.visitors import PASSWORD
from tests.support.projects.project import ThrowawayProject, throwaway_project

PAGE: Final = (CHECKOUT / "docs" / "api.md").read_text()
CALLS: Final = re.findall(r"^\$ (curl .+)$", PAGE, flags=re.MULTILINE)
TOO_WEAK: Final = "passwordpassword1"


@pytest.fixture(scope="module", name="people")
def _people(engine: EngineName, folder: Path) -> Iterator[ThrowawayProject]:
    """A project of its own: its users are nobody else's to count."""
    with throwaway_project(engine, folder, "people") as project:
        project.done("up")
        yield project


def run(project: ThrowawayProject, call: str, **variables: str) -> dict[str, Any]:
    """Run a call of docs/api.md unchanged, except for the port and the folder of the certificate."""
    assert shutil.which("curl"), "docs/api.md uses curl; install it"
    words = call.replace(":8000/", f":{project.ports['APP_PORT']}/")
    done = subprocess.run(
        ["bash", "-c", words.replace("curl ", "curl --silent --show-error ", 1)],
        env=project.shell | variables,
        cwd=project.home / "certificates",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout or "{}")
    return answer


def test_the_first_calls_of_the_page_do_what_it_says(people: ThrowawayProject) -> None:
    sign_in, me, refresh, sign_out = CALLS[:4]
    made = people.invoke_answering(
        {"password": PASSWORD, "password again": PASSWORD}, "user.create", "--email", "ada@example.com"
    )
    assert made.code == 0, made.output
    assert "user created" in made.output
    assert PASSWORD not in made.output

    begun = run(people, sign_in)
    first = {"ACCESS_TOKEN": begun["access_token"], "REFRESH_TOKEN": begun["refresh_token"]}
    assert run(people, me, **first)["email"] == "ada@example.com"
    second = run(people, refresh, **first)
    assert second["access_token"] != begun["access_token"]
    assert run(people, refresh, **first)["code"] == "already_refreshed"
    assert run(people, sign_out, **first) == {}
    for token in (begun["access_token"], second["access_token"]):
        assert run(people, me, ACCESS_TOKEN=token)["code"] == "not_authenticated"
    assert people.done("audit.verify")


def test_somebody_registers_with_a_letter_and_a_stolen_refresh_token_ends_their_session(
    people: ThrowawayProject,
) -> None:
    asyncio.run(live_through_a_theft(people, "grace@example.com"))
    entries = people.ask(
        "SELECT a.action FROM provider_audit_logs a JOIN users u ON u.id = a.user_id "
        "WHERE u.email = 'grace@example.com' ORDER BY a.sequence"
    )
    assert [action for (action,) in entries] == [
        "user.verified", "session.started", "session.refreshed", "session.refreshed", "session.reuse_detected",
        "session.started", "session.ended",
    ]  # fmt: skip


async def live_through_a_theft(project: ThrowawayProject, email: str) -> None:
    """Register, read the letter, verify, sign in, refresh, be robbed, sign in again and out."""
    context = ssl.create_default_context(cafile=str(project.home / "certificates" / "ca.pem"))
    base = f"https://localhost:{project.ports['APP_PORT']}/api/v1"
    async with httpx.AsyncClient(base_url=base, verify=context, timeout=120) as client:

        async def ask(method: str, path: str, token: str = "", **body: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return await client.request(method, path, headers=headers, json=body or None)

        assert (await ask("POST", "/users", email=email, password=PASSWORD)).status_code == 202
        letter = await asyncio.to_thread(project.done, "mail", "--show", "1")
        (code,) = re.findall(r"dashtam_registration_[\w-]{43}", letter)
        early = await ask("POST", "/sessions", email=email, password=PASSWORD)
        assert early.json()["code"] == "sign_in_refused"
        made = await ask("POST", "/users/verifications", code=code, password=PASSWORD)
        assert made.json()["email"] == email

        tokens = [(await ask("POST", "/sessions", email=email, password=PASSWORD)).json()]
        assert (await ask("GET", "/users/me", tokens[0]["access_token"])).json()["role"] == "user"
        listed = (await ask("GET", "/sessions", tokens[0]["access_token"])).json()["items"]
        assert [entry["is_current"] for entry in listed] == [True]
        for _ in range(2):
            body = {"refresh_token": tokens[-1]["refresh_token"]}
            tokens.append((await ask("POST", "/sessions/refreshes", **body)).json())
        stolen = await ask("POST", "/sessions/refreshes", refresh_token=tokens[0]["refresh_token"])
        assert stolen.status_code == 401
        assert (await ask("GET", "/users/me", tokens[2]["access_token"])).status_code == 401

        again = (await ask("POST", "/sessions", email=email, password=PASSWORD)).json()["access_token"]
        assert (await ask("DELETE", "/sessions/current", again)).status_code == 204
        assert (await ask("GET", "/users/me", again)).status_code == 401


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ({"password": TOO_WEAK, "password again": TOO_WEAK}, "guessed first"),
        ({"password": PASSWORD, "password again": TOO_WEAK}, "passwords differ"),
        ({"password": "short", "password again": "short"}, "fewer than 15"),
    ],
)
def test_a_password_that_is_refused_makes_no_user_and_says_why(
    people: ThrowawayProject, typed: dict[str, str], word: str
) -> None:
    before = people.dump()["users"]
    answer = people.invoke_answering(typed, "user.create", "--email", "bob@example.com", "--role", "admin")
    assert answer.code == 1
    assert word in answer.output
    assert TOO_WEAK not in answer.output
    assert people.dump()["users"] == before


def pipe(project: ThrowawayProject, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "invoke", "user.create", *words]
    return subprocess.run(
        command,
        cwd=project.checkout,
        env=project.shell,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_without_a_terminal_the_password_is_the_first_line(people: ThrowawayProject) -> None:
    made = pipe(people, "--email", "eve@example.com", "--role", "read_only")
    assert made.returncode == 0, made.stderr
    assert ["eve@example.com", "read_only"] in people.ask("SELECT email, role FROM users")


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["--email", "ada@example.com"], "has a user already"),
        (["--email", "nonsense"], "@-sign"),
        (["--email", "x@example.com", "--role", "god"], "invalid choice"),
        ([], "the address is missing"),
    ],
)
def test_what_cannot_be_a_user_is_told_in_words(
    people: ThrowawayProject, words: list[str], word: str
) -> None:
    pipe(people, "--email", "ada@example.com")
    refused = pipe(people, *words)
    assert refused.returncode in {1, 2}
    assert word in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stderr
