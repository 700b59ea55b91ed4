"""Runs the two servers as separate processes, with hypercorn and TLS."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from dashtam.devenv.project.certificates import Certificates, ensure_certificates
from dashtam.settings.model import TestSettings
from tests.support.checkout import CHECKOUT
from tests.support.servers.ports import free_ports

_SECONDS = 120.0


@dataclass
class Served:
    """A running server, and its log."""

    port: int
    certificates: Certificates
    log_file: Path
    process: "subprocess.Popen[bytes]" = field(repr=False)

    @property
    def log(self) -> str:
        """The standard output and error so far."""
        return self.log_file.read_text()

    def await_log(self, text: str) -> str:
        """Return the log once a complete line contains `text`, because a request is logged after its response."""
        deadline = time.monotonic() + _SECONDS
        while text not in (whole := self.log.rpartition("\n")[0]):
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} is not in the log:\n{self.log}")
            time.sleep(0.02)
        return whole

    def context(self) -> ssl.SSLContext:
        """Return a context that trusts only the local authority."""
        return ssl.create_default_context(cafile=self.certificates.authority)

    def client(self, *, http2: bool = False) -> httpx.AsyncClient:
        """Return an HTTP client for this server."""
        return httpx.AsyncClient(
            base_url=f"https://localhost:{self.port}", verify=self.context(), http2=http2, timeout=_SECONDS
        )

    def say(self, data: bytes) -> bytes:
        """Send raw bytes over TLS, and return the response; a closed connection ends it without an error."""
        response = b""
        with (
            socket.create_connection(("localhost", self.port), timeout=_SECONDS) as plain,
            self.context().wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                secured.sendall(data)
            with suppress(ConnectionResetError, ssl.SSLEOFError):
                while part := secured.recv(65_536):
                    response += part
        return response

    def stop(self, *, seconds: float = _SECONDS) -> int:
        """Stop it with SIGTERM, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=seconds)


@contextmanager
def serving(
    name: str,
    folder: Path,
    settings: TestSettings,
    environment: dict[str, str] | None = None,
    *,
    port: int | None = None,
) -> Iterator[Served]:
    """Serve `app` or `callback` until the end of the context."""
    ensure_certificates(folder)
    certificates = Certificates(folder)
    port = port or free_ports(1)[0]
    command = [
        *(sys.executable, "-m", "hypercorn", f"dashtam.asgi:{name}", "--bind", f"127.0.0.1:{port}"),
        *("--certfile", str(certificates.server), "--keyfile", str(certificates.server_key)),
    ]
    # In the folder of the log, so that no .env is found; the package does not have to be installed.
    importable = {"PYTHONPATH": str(CHECKOUT)}
    variables = {**os.environ, **_variables(settings), **importable, **(environment or {})}
    log_file = folder / f"{name}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=folder)
    served = Served(port, certificates, log_file, process)
    try:
        _await_start(served)
        yield served
    finally:
        if process.poll() is None:
            served.stop()


def _variables(settings: TestSettings) -> dict[str, str]:
    secrets = ("DATABASE_URL", "REDIS_URL", "TOKEN_ENCRYPTION_KEYS")
    return {name: getattr(settings, name).get_secret_value() for name in secrets}


def _await_start(served: Served) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and served.process.poll() is None:
        try:
            response = httpx.get(f"https://localhost:{served.port}/health/live", verify=served.context())
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            assert response.status_code == 200
            return
    raise AssertionError(f"the server did not start:\n{served.log}")
