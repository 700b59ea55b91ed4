"""The health check of the images takes no answer but that of the server it knows, over TLS that verifies."""

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dashtam.devenv.project.certificates import Certificates, ensure_certificates
from tests.support.checkout import CHECKOUT

CHECK = CHECKOUT / "docker" / "healthcheck.py"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/live" else 503)
        self.end_headers()
        self.wfile.write(b'{"status":"told"}')

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay silent."""


@pytest.fixture(scope="module", name="certificates")
def _certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    home = tmp_path_factory.mktemp("home")
    ensure_certificates(home)
    return Certificates(home)


@pytest.fixture(scope="module", name="port")
def _port(certificates: Certificates) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def check(port: int, path: str, authority: Path | None, **environment: str) -> tuple[int, str]:
    """Run the check with an authority in place of the mounted one; its exit code and what it printed."""
    source = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv.pop(1)); import healthcheck; "
        "authority = Path(sys.argv.pop(1)); sys.exit(healthcheck.main(sys.argv[1:], authority))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", source, str(CHECK.parent), str(authority), "APP_URL", str(port), path],
        env={"PATH": "/nonexistent", "HTTPS_PROXY": "http://127.0.0.1:1", **environment},
        capture_output=True,
        text=True,
    )
    return answer.returncode, answer.stdout + answer.stderr


def test_a_healthy_server_is_healthy_under_the_name_that_clients_use(
    port: int, certificates: Certificates
) -> None:
    code, said = check(port, "/health/live", certificates.authority, APP_URL="https://localhost:15000")
    assert (code, said) == (0, f'https://localhost:{port}/health/live: 200 {{"status":"told"}}\n')


def test_a_server_that_is_not_ready_says_why(port: int, certificates: Certificates) -> None:
    code, said = check(port, "/health/ready", certificates.authority)
    assert code == 1
    assert '503 {"status":"told"}' in said


@pytest.mark.parametrize("host", ["dashtam.example", "10.0.0.1"])
def test_a_certificate_for_another_host_is_not_taken(
    port: int, certificates: Certificates, host: str
) -> None:
    code, said = check(port, "/health/live", certificates.authority, APP_URL=f"https://{host}")
    assert code == 1
    assert "mismatch" in said


def test_a_certificate_of_another_authority_is_not_taken(port: int, tmp_path: Path) -> None:
    ensure_certificates(tmp_path)
    code, said = check(port, "/health/live", Certificates(tmp_path).authority)
    assert code == 1
    assert "certificate verify failed" in said


def test_without_an_authority_of_our_own_the_systems_are_asked(port: int, tmp_path: Path) -> None:
    code, said = check(port, "/health/live", tmp_path / "none.pem")
    assert code == 1
    assert "certificate verify failed" in said


def test_a_server_that_does_not_answer_is_an_answer(certificates: Certificates) -> None:
    code, said = check(1, "/health/live", certificates.authority)
    assert code == 1
    assert "Connection refused" in said


def said_by(
    answers: list[bytes], url: str = "redis://development:p%40ss@127.0.0.1:{port}/3"
) -> tuple[int, str, bytes]:
    """Run the check of a process without a port against a Redis that answers so; and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                for answer in answers:
                    asked.append(connection.recv(4096))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        answer = subprocess.run(
            [sys.executable, str(CHECK), "REDIS_URL", "heartbeat:refresher"],
            env={"REDIS_URL": url.format(port=server.getsockname()[1]), "ENVIRONMENT": "development"},
            capture_output=True,
            text=True,
        )
        thread.join()
    return answer.returncode, answer.stdout + answer.stderr, b"".join(asked)


def test_a_process_without_a_port_is_well_when_it_said_so() -> None:
    code, said, asked = said_by([b"+OK\r\n", b"+OK\r\n", b"$5\r\nready\r\n"])
    assert (code, said) == (0, "heartbeat:refresher: ready\n")
    for word in (
        b"development\r\n",
        b"p@ss\r\n",
        b"SELECT\r\n$1\r\n3\r\n",
        b"development:heartbeat:refresher\r\n",
    ):
        assert word in asked


@pytest.mark.parametrize(
    ("answers", "seen"),
    [
        ([b"+OK\r\n", b"+OK\r\n", b"$-1\r\n"], "nothing was said"),
        ([b"+OK\r\n", b"+OK\r\n", b"$9\r\nredis: no\r\n"], "redis: no"),
        ([b"-WRONGPASS\r\n"], "AUTH answered '-WRONGPASS'"),
        ([b"+OK\r\n", b"+OK\r\n", b"-NOPERM\r\n"], "GET answered '-NOPERM'"),
    ],
)
def test_a_process_without_a_port_that_did_not_say_so_is_not_well(answers: list[bytes], seen: str) -> None:
    code, said, _ = said_by(answers)
    assert code == 1
    assert seen in said
    assert "p@ss" not in said
