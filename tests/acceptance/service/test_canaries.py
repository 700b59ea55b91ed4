"""No secret of a whole run, from password to provider's token, lies anywhere in clear or is told to anybody."""

import base64
import json
import re
import secrets
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest

from tests.support.banks.project_sandbox import ProjectSandbox
from tests.support.projects.canaries import Canaries, list_sinks
from tests.support.projects.project import ThrowawayProject

ADA = "ada@example.com"
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}


class Run:
    """A person with a program and a browser in one, who notes every secret, and every answer that shall hold none."""

    def __init__(self, project: ThrowawayProject, web: httpx.Client) -> None:
        self.project = project
        self.web = web
        self.canaries = Canaries()
        self.shown: list[str] = []
        self.password = self.canaries.add("password", f"seven otters juggle {secrets.token_hex(8)}")
        self.api = f"https://localhost:{project.ports['APP_PORT']}/api/v1"

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:  # noqa: ANN401  # JSON
        """Call the API; what it refuses is noted as shown."""
        answer = self.web.request(method, f"{self.api}/{path}", json=body, headers=headers)
        if answer.is_error:
            self.shown.append(f"{answer.headers} {answer.text}")
        return answer.json() if answer.content else None

    def sign_in(self) -> None:
        """Make a user, and sign in as a program."""
        answers = {"password": self.password, "password again": self.password}
        made = self.project.invoke_answering(answers, "user.create", "--email", ADA)
        assert made.code == 0, made.output
        self.shown.append(made.output)
        wrong = self.canaries.add("wrong password", f"canary of a password {secrets.token_hex(8)}")
        self.ask("POST", "sessions", {"email": ADA, "password": wrong})
        tokens = self.ask("POST", "sessions", {"email": ADA, "password": self.password})
        self.web.headers["Authorization"] = f"Bearer {self.canaries.add('access', tokens['access_token'])}"
        self.canaries.add("refresh", tokens["refresh_token"])
        script = self.ask("POST", "personal-tokens", {"name": "script", "password": self.password})
        self.canaries.add("personal token", script["token"])

    def enrol(self) -> None:
        """Take an authenticator app into use."""
        begun = self.ask("POST", "users/me/second-factor", {"password": self.password})
        secret = self.canaries.add("second factor", begun["secret"])
        body = {"one_time_password": pyotp.TOTP(secret).now()}
        confirmed = self.ask("POST", "users/me/second-factor/confirmation", body)
        for number, code in enumerate(confirmed["recovery_codes"]):
            self.canaries.add(f"recovery code {number}", code)

    def connect(self) -> str:
        """Go the whole way to a connection, through refusals; its id."""
        begun = self.ask("POST", "connections", {"provider_key": "sandbox", "alias": "Everyday"})
        link = begun["link"]
        self.canaries.add("ticket", link.rpartition("/")[2])
        authorization = self._open(link)
        state = parse_qs(urlsplit(authorization).query)["state"][0]
        self.canaries.add("state", state)
        answer = self._agree(authorization)
        self.canaries.add("code", parse_qs(urlsplit(answer).query)["code"][0])
        self._be_refused(answer, state)
        taken = self.web.get(answer)
        assert taken.status_code == 303, taken.text
        self.shown.append(str(taken.headers))
        again = self.web.get(answer)
        assert again.status_code == 400
        self.shown.append(again.text)
        return str(begun["id"])

    def _open(self, link: str) -> str:
        page = self.web.get(link)
        proof = re.search(r'name="proof" value="([^"]+)"', page.text)
        assert proof, page.text
        sent = self.web.post(link, data={"proof": self.canaries.add("proof", proof[1])}, headers=OWN)
        for name, value in self.web.cookies.items():
            self.canaries.add(f"cookie {name}", value)
        return str(sent.headers["Location"])

    def _agree(self, authorization: str) -> str:
        page = self.web.get(authorization)
        ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
        assert ticket, page.text
        form = {"ticket": self.canaries.add("the bank's ticket", ticket[1]), "answer": "allow"}
        return str(self.web.post(authorization.partition("?")[0], data=form).headers["Location"])

    def _be_refused(self, answer: str, state: str) -> None:
        where, wrong = answer.partition("?")[0], self.canaries.add("wrong code", secrets.token_urlsafe(24))
        for query in (
            {"code": wrong, "state": f"{state[:-1]}_"},
            {"code": wrong, "state": [state, state]},
            {"access_token": wrong, "state": state},
            {"error": "access_denied", "error_description": wrong},
        ):
            refused = self.web.get(where, params=query)
            assert refused.status_code == 400, refused.text
            self.shown.append(f"{refused.headers} {refused.text}")

    def use(self, connection: str) -> None:
        """Refresh, with success and without; note the provider's tokens before and after."""
        bank = ProjectSandbox(self.project)
        self._note_tokens("first")
        for fault in ("html", "400", "none"):
            bank.turn(fault=fault)
            self.project.done("exec", "app", "--", "python", "-m", "tests.support.people.aging", connection)
            self.ask("POST", f"connections/{connection}/refreshes")
        self._note_tokens("last")

    def _note_tokens(self, moment: str) -> None:
        opened = self.project.done("exec", "app", "--", "python", "-m", "tests.support.people.opened")
        for number, token in enumerate(json.loads(opened.strip().splitlines()[-1])):
            self.canaries.add(f"{moment} token {number}", token)

    def paste(self) -> None:
        """Bring a setup token that leads to this machine, which is refused."""
        secret = self.canaries.add("setup secret", secrets.token_urlsafe(24))
        token = base64.b64encode(f"https://localhost:1/claim/{secret}".encode()).decode()
        body = {
            "provider_key": "simplefin",
            "alias": "Pasted",
            "secrets": {"setup_token": self.canaries.add("setup token", token)},
        }
        self.ask("POST", "connections", body)

    def assert_silent(self) -> None:
        """No secret stands in anything that was written or told."""
        sinks = list(list_sinks(self.project))
        assert not [(name, place) for place, text in sinks for name in self.canaries.find(text)]
        seen = " ".join(place for place, _ in sinks)
        assert all(word in seen for word in ("logs", "table provider_audit_logs", "Redis key", "state.json"))
        assert ADA in " ".join(text for _, text in sinks)
        assert not [name for text in self.shown for name in self.canaries.find(text)]


@pytest.fixture(name="run")
def _run(fresh: ThrowawayProject) -> Iterator[Run]:
    fresh.done("up")
    trusted = ssl.create_default_context(cafile=fresh.home / "certificates" / "ca.pem")
    with httpx.Client(verify=trusted, timeout=60) as web:
        yield Run(fresh, web)


def test_no_secret_of_a_whole_run_is_written_or_told_anywhere(run: Run) -> None:
    run.sign_in()
    connection = run.connect()
    run.use(connection)
    run.paste()
    run.enrol()
    run.assert_silent()
    run.ask("POST", f"connections/{connection}/disconnection")
    run.assert_silent()
    assert len(run.canaries.values) > 25
    assert len(run.shown) > 10


def test_a_secret_is_found_however_it_is_spelt() -> None:
    canaries = Canaries()
    value = canaries.add("token", "se/cret+token=with ümläut")
    raw = value.encode()
    for text in (
        value,
        "se%2Fcret%2Btoken%3Dwith%20%C3%BCml%C3%A4ut",
        raw.hex(),
        base64.b64encode(raw).decode(),
    ):
        assert canaries.find(f"before {text} behind") == ["token"]
    assert canaries.find("nothing") == []
    assert value not in repr(canaries)
