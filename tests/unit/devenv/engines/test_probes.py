"""A probe is content with a component that works, and says in one line what it saw otherwise."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dashtam.devenv.engines import probes
from dashtam.devenv.engines.probes import ProbeFailed
from dashtam.devenv.errors import EnvironmentFailed
from dashtam.devenv.project.certificates import Certificates, ensure_certificates


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback that has one conversation."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield port
        thread.join()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_waiting_ends_with_the_first_content_answer() -> None:
    answers = iter([ProbeFailed("not yet"), ProbeFailed("nearly"), None])

    def probe() -> None:
        if (answer := next(answers)) is not None:
            raise answer

    probes.wait_until(probe, seconds=5)


def test_waiting_in_vain_ends_with_the_last_answer() -> None:
    def probe() -> None:
        raise ProbeFailed("still warming up")

    with pytest.raises(
        EnvironmentFailed, match=r"not ready after 0.1 seconds; last answer: still warming up"
    ):
        probes.wait_until(probe, seconds=0.1)


def test_waiting_ends_early_when_there_is_nothing_left_to_wait_for() -> None:
    def probe() -> None:
        raise ProbeFailed("refused")

    with pytest.raises(EnvironmentFailed, match="it ended; last answer: refused"):
        probes.wait_until(probe, seconds=3600, give_up=lambda: "it ended")


def test_redis_is_well_when_it_takes_the_password_and_answers() -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        for answer in (b"+OK\r\n", b"+PONG\r\n"):
            heard.append(connection.recv(1024))
            connection.sendall(answer)

    with answering(talk) as port:
        probes.probe_redis(port, user="health", password="pä ss\r\n")

    assert heard == [
        "*3\r\n$4\r\nAUTH\r\n$6\r\nhealth\r\n$8\r\npä ss\r\n\r\n".encode(),
        b"*1\r\n$4\r\nPING\r\n",
    ]


@pytest.mark.parametrize("answer", [b"-WRONGPASS invalid\r\n", b"-LOADING\r\n", b"HTTP/1.1 400\r\n", b""])
def test_redis_is_not_well_with_any_other_answer(answer: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(answer)

    with answering(talk) as port, pytest.raises(ProbeFailed) as failure:
        probes.probe_redis(port, user="health", password="secret-word")
    assert "secret-word" not in str(failure.value)


@pytest.mark.parametrize(
    "probe",
    [
        lambda port: probes.probe_redis(port, user="health", password="p"),
        lambda port: probes.probe_postgres(port, user="u", password="p", database="d"),
    ],
)
def test_a_closed_port_is_not_well(probe: Callable[[int], None]) -> None:
    with pytest.raises(ProbeFailed, match=r"[Rr]efused|Connect call failed"):
        probe(closed_port())


def test_postgres_that_talks_nonsense_is_not_well() -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with answering(talk) as port, pytest.raises(ProbeFailed):
        probes.probe_postgres(port, user="u", password="p", database="d")


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ready = self.path == "/health/ready"
        body = b'{"status": "ok"}' if ready else b'{"redis":\n "refused"}'
        self.send_response(200 if ready else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep quiet."""


@pytest.fixture(name="health_port", scope="module")
def _health_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    home = tmp_path_factory.mktemp("home")
    ensure_certificates(home)
    files = Certificates(home)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server, files.server_key)
    with HTTPServer(("127.0.0.1", 0), _Health) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port, files.authority
        server.shutdown()
        thread.join()


def test_a_server_is_well_when_it_answers_over_tls_that_our_authority_signed(
    health_port: tuple[int, Path],
) -> None:
    port, authority = health_port

    probes.probe_https(port, "/health/ready", authority=authority)


def test_a_server_that_is_not_ready_says_why(health_port: tuple[int, Path]) -> None:
    port, authority = health_port

    with pytest.raises(ProbeFailed, match=r'503: {"redis": "refused"}'):
        probes.probe_https(port, "/health/other", authority=authority)


def test_a_server_of_a_strange_authority_is_not_trusted(
    health_port: tuple[int, Path], tmp_path: Path
) -> None:
    port, _ = health_port
    ensure_certificates(tmp_path)

    with pytest.raises(ProbeFailed, match="certificate not trusted"):
        probes.probe_https(port, "/health/ready", authority=Certificates(tmp_path).authority)


def test_a_missing_authority_is_a_failed_probe(health_port: tuple[int, Path], tmp_path: Path) -> None:
    port, _ = health_port

    with pytest.raises(ProbeFailed):
        probes.probe_https(port, "/health/ready", authority=tmp_path / "none.pem")


def talking(*answers: bytes) -> Callable[[socket.socket], None]:
    """Answers commands one after the other, whatever they say."""

    def talk(connection: socket.socket) -> None:
        for answer in answers:
            connection.recv(4096)
            connection.sendall(answer)

    return talk


@pytest.mark.parametrize(
    ("answers", "seen"),
    [
        ((b"+OK\r\n", b"+OK\r\n", b"$5\r\nready\r\n"), None),
        ((b"+OK\r\n", b"+OK\r\n", b"$-1\r\n"), "said nothing in Redis"),
        ((b"+OK\r\n", b"+OK\r\n", b"$20\r\npostgres: no answer.\r\n"), "postgres: no answer."),
        ((b"-WRONGPASS no\r\n",), "AUTH answered '-WRONGPASS no'"),
        ((b"+OK\r\n", b"-NOPERM\r\n"), "SELECT answered '-NOPERM'"),
        ((b"+OK\r\n", b"+OK\r\n", b"-NOPERM\r\n"), "GET answered '-NOPERM'"),
    ],
)
def test_a_process_without_a_port_is_what_it_last_said(answers: tuple[bytes, ...], seen: str | None) -> None:
    with answering(talking(*answers)) as port:
        words = {"user": "development", "password": "x", "index": 0, "key": "development:heartbeat:refresher"}
        if seen is None:
            probes.probe_heartbeat(port, **words)  # type: ignore[arg-type]
            return
        with pytest.raises(ProbeFailed, match=seen):
            probes.probe_heartbeat(port, **words)  # type: ignore[arg-type]


def test_a_process_without_a_port_is_not_well_where_redis_is_away() -> None:
    with pytest.raises(ProbeFailed, match="Connection refused"):
        probes.probe_heartbeat(closed_port(), user="development", password="x", index=0, key="k")
