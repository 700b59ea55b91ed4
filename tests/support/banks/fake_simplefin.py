"""A SimpleFIN bridge (protocol 1.0.7): a POST without a body claims a setup token once."""

import base64
from dataclasses import dataclass, field

from tests.support.banks.wire_server import Reply, Request


@dataclass
class FakeBridge:
    """Responds to claims; use it as the handler of a wire server."""

    access_url: str = ""
    unclaimed: set[str] = field(default_factory=lambda: {"demo-claim-canary"})

    def __call__(self, request: Request) -> Reply:
        """Return the response of POST /claim/{token}."""
        prefix, _, token = request.path.rpartition("/")
        if prefix != "/simplefin/claim":
            return Reply(404)
        if request.method != "POST" or request.headers.get("content-length") != "0" or request.body:
            return Reply(400, b"expected an empty POST with Content-Length: 0")
        if token not in self.unclaimed:
            return Reply(403)
        self.unclaimed.remove(token)
        return Reply(200, self.access_url.encode(), {"Content-Type": "text/plain"})


def setup_token(url: str) -> str:
    """Return the text that a user copies: the claim URL in Base64."""
    return base64.b64encode(url.encode()).decode()
