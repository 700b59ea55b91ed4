"""The token endpoint of an authorization server that rotates tokens, over TLS, with counters and knobs.

`python -m tests.support.banks.token_server FOLDER [MILLISECONDS]` runs it as a process, which prints its port and
delays each response by MILLISECONDS.
"""

import json
import secrets
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from dashtam.devenv.project.certificates import Certificates, ensure_certificates

_MAX_BYTES: Final = 65_536


@dataclass
class Family:
    """The tokens of one login; they are revoked together."""

    refresh_token: str
    is_alive: bool = True
    replaced: dict[str, float] = field(default_factory=dict)
    """Earlier refresh tokens, and when each was replaced (monotonic seconds)."""


@dataclass
class TokenServer:
    """The families of tokens, the counted requests, and the knobs."""

    port: int = 0
    authority: Path = Path()
    rotates: bool = True
    grace: float = 0.0
    """How many seconds a replaced refresh token is still accepted."""
    delay: float = 0.0
    drops: int = 0
    """The number of responses that are dropped after the request was processed."""
    omits: frozenset[str] = frozenset()
    scope: str = "accounts transactions"
    expires_in: Any = 1800
    responses: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    """Responses to send instead, in order."""
    holds: threading.Event | None = None
    """Responses wait for this event after the request was processed."""
    asked: Counter[str] = field(default_factory=Counter)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released by every request, before its response."""
    revoked: list[str] = field(default_factory=list)
    families: dict[str, Family] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def url(self) -> str:
        """The origin of the server."""
        return f"https://localhost:{self.port}"

    def context(self) -> ssl.SSLContext:
        """Return a context that trusts only the server's authority."""
        return ssl.create_default_context(cafile=self.authority)

    def sign_in(self) -> tuple[str, str]:
        """Create a family, and return its access token and refresh token."""
        with self.lock:
            family = Family(f"refresh-{secrets.token_urlsafe(24)}")
            self.families[family.refresh_token] = family
            return f"access-{secrets.token_urlsafe(24)}", family.refresh_token

    def refresh(self, token: str) -> dict[str, Any] | None:
        """Return the next pair, or None; reuse after the grace period revokes the family (RFC 9700, 4.14.2)."""
        with self.lock:
            family = self.families.get(token)
            if token == "endless":  # one that everybody may use, for measurements
                return self._pair("endless")
            if family is None or not family.is_alive:
                return None
            if token != family.refresh_token:
                replaced_at = family.replaced.get(token, 0.0)
                if time.monotonic() - replaced_at > self.grace:
                    family.is_alive = False
                    return None
                family.replaced[token] = 0.0
            elif self.rotates:
                family.replaced[token] = time.monotonic()
            if self.rotates:
                family.refresh_token = f"refresh-{secrets.token_urlsafe(24)}"
                self.families[family.refresh_token] = family
            return self._pair(family.refresh_token)

    def _pair(self, refresh_token: str) -> dict[str, Any]:
        return {
            "access_token": f"access-{secrets.token_urlsafe(24)}",
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": self.scope,
            "refresh_token": refresh_token,
        }

    def revoke(self, token: str) -> None:
        """Revoke a token and its family (RFC 7009)."""
        with self.lock:
            self.revoked.append(token)
            if family := self.families.get(token):
                family.is_alive = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: TokenServer

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length", "0")), _MAX_BYTES)
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        state = self.state
        with state.lock:
            state.asked[self.path] += 1
            instead = state.responses.pop(0) if self.path == "/token" and state.responses else None
        holds = state.holds  # read on arrival, because the waiting test may change it
        state.arrived.release()
        time.sleep(state.delay)
        if instead is not None:
            return self._respond(*instead)
        if self.path == "/revoke":
            state.revoke(form["token"])
            return self._respond(200, b"", {})
        granted = state.refresh(form.get("refresh_token", ""))
        if holds is not None:
            holds.wait(60)
        if granted is None:
            return self._respond(400, b'{"error": "invalid_grant"}', {})
        with state.lock:
            is_dropped, state.drops = state.drops > 0, max(0, state.drops - 1)
        if is_dropped:
            self.close_connection = True
            return None
        body = {name: value for name, value in granted.items() if name not in state.omits}
        return self._respond(200, json.dumps(body).encode(), {})

    def _respond(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        with suppress(OSError):  # the client may have disconnected
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # as it is typed above
        # In the thread of the connection, so that a slow handshake does not delay other connections.
        with suppress(OSError), self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Ignore errors of clients that were killed during a request."""


@contextmanager
def serving_tokens(folder: Path) -> Iterator[TokenServer]:
    """Serve until the end of the context, in threads of this process."""
    ensure_certificates(folder)
    certificates = Certificates(folder)
    state = TokenServer(authority=certificates.authority)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    server.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.context.load_cert_chain(certificates.server, certificates.server_key)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


if __name__ == "__main__":
    with serving_tokens(Path(sys.argv[1])) as running:
        running.delay = int(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0
        print(running.port, flush=True)  # noqa: T201 - for the parent process
        sys.stdin.read()
