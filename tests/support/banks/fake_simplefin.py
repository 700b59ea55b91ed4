"""A SimpleFIN bridge (protocol 1.0.7): a setup token is claimed once, by a POST with no body."""

import base64
from dataclasses import dataclass, field

from tests.support.banks.wire_server import Reply, Request


@dataclass
class FakeBridge:
    """Answers claims."""

    access_url: str = ""
    unclaimed: set[str] = field(default_factory=lambda: {"demo-claim-canary"})

    def __call__(self, request: Request) -> Reply:
        """Answer as /claim/{token} does."""
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
    """What a user copies: the claim URL in Base64."""
    return base64.b64encode(url.encode()).decode()
