"""A browser that keeps cookies per host, independent of the port, and does not follow redirects."""

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from quart import Response
from quart.typing import TestClientProtocol as Client

from tests.support.people.visitors import VISITORS_IP


@dataclass
class Surfer:
    """A browser that reaches both applications under one host name."""

    app: Client
    callback: Client
    cookies: dict[str, str] = field(default_factory=dict)
    ip: str = VISITORS_IP

    async def open(self, url: str, method: str = "GET", *, at: Client | None = None, **more: Any) -> Response:  # noqa: ANN401
        """Open a URL of either application; the path selects the application."""
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        client = at or (self.callback if parts.path.startswith(("/callback", "/connected")) else self.app)
        headers = dict(more.pop("headers", {}))
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = await client.open(
            target, method=method, headers=headers, scope_base={"client": (self.ip, 1)}, **more
        )
        self._keep(response)
        return response

    def _keep(self, response: Response) -> None:
        for header in response.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(header).items():
                assert name.startswith("__Host-")
                assert morsel["secure"]
                assert morsel["httponly"]
                assert morsel["path"] == "/"
                assert not morsel["domain"]
                assert morsel["samesite"] == "Lax"
                if morsel["max-age"] == "0" or not morsel.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value

    def copy(self) -> "Surfer":
        """Return another browser, without cookies."""
        return Surfer(self.app, self.callback, ip=self.ip)
