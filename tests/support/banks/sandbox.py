"""The sandbox as a process over TLS, and a customer who behaves like a browser."""

import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from dashtam.devenv.project.certificates import Certificates, ensure_certificates
from dashtam.providers.sandbox.credentials import CLIENT_ID, client_secrets
from dashtam.sandbox.consent import redirect_uri_of
from dashtam.settings.model import Settings, TestSettings
from tests.support.servers.ports import free_ports
from tests.support.servers.served import Served, serving


class Turnable(ABC):
    """A sandbox whose client sets knobs and reads counters."""

    @abstractmethod
    def client(self) -> httpx.Client:
        """Return an HTTP client with the sandbox's credentials."""

    def turn(self, **knobs: object) -> None:
        """Set knobs, and reset all other knobs and the counters."""
        with self.client() as client:
            response = client.put("/sandbox/knobs", json=knobs)
        assert response.status_code == 200, response.text

    def counters(self) -> dict[str, int]:
        """Return the counters since the last reset."""
        with self.client() as client:
            response = client.get("/sandbox/knobs")
        assert response.status_code == 200, response.text
        counters: dict[str, int] = response.json()["counters"]
        return counters


def known_client(settings: Settings, trusted: ssl.SSLContext) -> httpx.Client:
    """Return the credentials of the sandbox's only client."""
    secret = client_secrets(settings)[0].get_secret_value()
    return httpx.Client(base_url=settings.APP_URL, verify=trusted, auth=(CLIENT_ID, secret), timeout=60)


@dataclass(frozen=True)
class Sandbox(Turnable):
    """A running sandbox."""

    served: Served
    settings: TestSettings
    """The settings of a process that uses it: APP_URL and EXTRA_CA_FILE are those of this server."""

    @property
    def redirect_uri(self) -> str:
        """The redirect URI of the client."""
        return redirect_uri_of(self.settings)

    def visit(self, url: str, *, decision: str = "allow") -> Mapping[str, str]:
        """Follow a link to the consent page, submit a decision, and return the parameters of the redirect."""
        with httpx.Client(verify=self.served.context(), timeout=30) as browser:
            page = browser.get(url)
            if page.status_code == 200:
                ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
                assert ticket, page.text
                form = {"ticket": ticket[1], "answer": decision}
                page = browser.post(f"{self.settings.APP_URL}/sandbox/authorize", data=form)
        assert page.status_code == 303, page.text
        return carried(page.headers["location"])

    def accounts(self, token: str) -> httpx.Response:
        """Request the accounts with an access token."""
        with httpx.Client(verify=self.served.context(), timeout=30) as client:
            return client.get(
                f"{self.settings.APP_URL}/sandbox/accounts", headers={"Authorization": f"Bearer {token}"}
            )

    def client(self) -> httpx.Client:
        """Return an HTTP client with the sandbox's credentials."""
        return known_client(self.settings, self.served.context())


def carried(location: str) -> dict[str, str]:
    """Return the parameters of a redirect; each must occur once."""
    found = parse_qs(urlsplit(location).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in found.values()), location
    return {name: values[0] for name, values in found.items()}


def at_port(settings: TestSettings, port: int, certificates: Certificates) -> TestSettings:
    """Return the settings of a process that reaches the API, and so the sandbox, at a port of this machine."""
    changes: dict[str, Any] = {
        "APP_URL": f"https://localhost:{port}",
        "SANDBOX_SERVER": f"127.0.0.1:{port}",
        "EXTRA_CA_FILE": str(certificates.authority),
    }
    return settings.model_copy(update=changes)


@contextmanager
def serving_sandbox(folder: Path, settings: TestSettings) -> Iterator[Sandbox]:
    """Serve the API, including the sandbox, until the end of the context."""
    ensure_certificates(folder)
    (port,) = free_ports(1)
    own = at_port(settings, port, Certificates(folder))
    environment = {name: getattr(own, name) for name in ("APP_URL", "SANDBOX_SERVER", "EXTRA_CA_FILE")}
    with serving("app", folder, own, {**environment, "CALLBACK_URL": own.CALLBACK_URL}, port=port) as served:
        sandbox = Sandbox(served, own)
        sandbox.turn()
        yield sandbox
        sandbox.turn()
