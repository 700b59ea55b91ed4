"""A real browser in front of a project: Debian's Chromium, driven by Playwright, in an empty profile."""

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.support.projects.own_network import in_own_network
from tests.support.projects.project import ThrowawayProject

_SWITCHES: Final = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
_MILLISECONDS: Final = 60_000


def find_chromium() -> str | None:
    """The program of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def browsing(project: ThrowawayProject) -> Iterator[BrowserContext]:
    """Open a browser that trusts the very certificate of a project, and none beside those that everybody trusts."""
    certificate = project.home / "certificates" / "server.pem"
    ports = [project.ports[name] for name in ("APP_PORT", "CALLBACK_PORT")]
    with in_own_network(find_chromium() or "", ports) as program, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            chromium_sandbox=False,  # as root there is none
            args=[*_SWITCHES, f"--ignore-certificate-errors-spki-list={_fingerprint(certificate)}"],
        )
        try:
            context = browser.new_context()
            context.set_default_timeout(_MILLISECONDS)
            yield context
        finally:
            browser.close()


def _fingerprint(certificate: Path) -> str:
    """The public key of a server, as Chromium is told to trust it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


class DocsPage:
    """The page at /docs, used as a person uses it: unfold an operation, try it out, read the answer."""

    def __init__(self, page: Page, project: ThrowawayProject) -> None:
        self._page = page
        self._address = f"https://localhost:{project.ports['APP_PORT']}/docs"

    def open(self) -> None:
        """Go to it."""
        self._page.goto(self._address)

    def try_out(self, tag: str, operation: str, body: object = None, **parameters: str) -> dict[str, Any]:
        """Execute an operation; the JSON of its answer, which is empty where nothing was answered."""
        self.open()
        # Swagger UI escapes the dot in the name, and so does CSS the sign that it escapes with.
        name = f"operations-{tag}-{operation}".replace(".", r"\\.")
        block = self._page.locator(f'[id="{name}"]')
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        for name, value in parameters.items():
            block.locator(f'tr[data-param-name="{name}"] input').fill(value)
        if body is not None:
            block.locator("textarea.body-param__text").fill(json.dumps(body))
        block.get_by_role("button", name="Execute").click()
        shown = block.locator(".live-responses-table")
        shown.wait_for()
        assert shown.locator(".response-col_status").last.inner_text().startswith("2"), shown.inner_text()
        written = shown.locator(".highlight-code pre").first
        return json.loads(written.inner_text()) if written.count() else {}
