"""Controls the sandbox of a throw-away project with the credentials of its client."""

import ssl
from dataclasses import dataclass

import httpx

from dashtam.settings.model import Settings
from tests.support.banks.sandbox import Turnable, known_client
from tests.support.projects.project import ThrowawayProject

_NOWHERE = {
    "DATABASE_URL": "postgresql+asyncpg://user:password@localhost:1/none",
    "REDIS_URL": "redis://user:password@localhost:1/0",
}


@dataclass(frozen=True)
class ProjectSandbox(Turnable):
    """The counters and the knobs of the sandbox."""

    project: ThrowawayProject

    def client(self) -> httpx.Client:
        """Return an HTTP client with the sandbox's credentials."""
        address = f"https://localhost:{self.project.ports['APP_PORT']}"
        settings = Settings(_env_file=self.project.env_file, APP_URL=address, **_NOWHERE)  # type: ignore[arg-type]
        trusted = ssl.create_default_context(cafile=self.project.home / "certificates" / "ca.pem")
        return known_client(settings, trusted)
