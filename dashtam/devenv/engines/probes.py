"""Ask a component whether it works, from this machine; both engines ask the same questions."""

import asyncio
import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dashtam.devenv.components import LOOPBACK
from dashtam.devenv.errors import EnvironmentFailed

_ANSWER_SECONDS = 10.0
_PAUSE_SECONDS = 0.05

Probe = Callable[[], None]
"""Returns when the component is well, raises ProbeFailed otherwise."""


class ProbeFailed(Exception):
    """What a component answered instead of being well, as one line."""


def wait_until(probe: Probe, *, seconds: float, give_up: Callable[[], str | None] = lambda: None) -> None:
    """Ask until the probe is content.

    `give_up` may end the wait early by saying why there is nothing left to wait for.

    Raises:
        EnvironmentFailed: with the probe's last answer, after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return probe()
        except ProbeFailed as failure:
            if reason := give_up():
                raise EnvironmentFailed(f"{reason}; last answer: {failure}") from failure
            if time.monotonic() >= deadline:
                raise EnvironmentFailed(
                    f"not ready after {seconds:g} seconds; last answer: {failure}"
                ) from failure
        time.sleep(_PAUSE_SECONDS)


def probe_postgres(port: int, *, user: str, password: str, database: str) -> None:
    """A role can log in to its database over TCP and gets an answer to a query.

    pg_isready would also be content with the temporary server of a container's first start.
    """
    asyncio.run(_ask_postgres(port, user, password, database))


async def _ask_postgres(port: int, user: str, password: str, database: str) -> None:
    import asyncpg
    from asyncpg.connect_utils import SessionAttribute

    try:
        connection = await asyncpg.connect(
            host=LOOPBACK,
            port=port,
            user=user,
            password=password,
            database=database,
            passfile="",  # this and the next two, because PG* variables of the shell would supply them
            ssl=False,
            target_session_attrs=SessionAttribute.any,
            timeout=_ANSWER_SECONDS,
            server_settings={"application_name": "dashtam.probe"},
        )
        try:
            connected = await connection.fetchval("SELECT current_database()", timeout=_ANSWER_SECONDS)
        finally:
            await connection.close(timeout=_ANSWER_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ProbeFailed(str(error) or type(error).__name__) from error
    if connected != database:
        raise ProbeFailed(f"connected to database {connected!r}, expected {database!r}")


def probe_redis(port: int, *, user: str, password: str) -> None:
    """Redis takes user and password and answers PING."""
    with _redis_session(port, user, password) as ask:
        ask(b"+PONG", b"PING")


def probe_heartbeat(port: int, *, user: str, password: str, index: int, key: str) -> None:
    """A process without a port has said a moment ago, in Redis, that it can do its work."""
    with _redis_session(port, user, password) as ask:
        ask(b"+OK", b"SELECT", b"%d" % index)
        said = ask(None, b"GET", key.encode())
    if said is None:
        raise ProbeFailed("it has said nothing in Redis for 20 seconds")
    if said != "ready":
        raise ProbeFailed(said)


@contextmanager
def _redis_session(port: int, user: str, password: str) -> Iterator[Callable[..., str | None]]:
    """Log in, and hand out what sends a command and checks its answer; None in its place: the answer is text."""
    try:
        with (
            socket.create_connection((LOOPBACK, port), timeout=_ANSWER_SECONDS) as connection,
            connection.makefile("rwb") as stream,  # to be closed too: the socket stays open until it is
        ):

            def ask(expected: bytes | None, *command: bytes) -> str | None:
                stream.write(_redis_command(*command))
                stream.flush()
                answer = stream.readline(512).rstrip()
                if expected is None and answer.startswith(b"$"):
                    length = int(answer[1:])
                    return stream.read(length + 2)[:-2].decode(errors="replace") if length >= 0 else None
                if answer != expected:
                    raise ProbeFailed(f"{command[0].decode()} answered {answer.decode(errors='replace')!r}")
                return None

            ask(b"+OK", b"AUTH", user.encode(), password.encode())
            yield ask
    except OSError as error:
        raise ProbeFailed(f"{LOOPBACK}:{port}: {error.strerror or error}") from error


def _redis_command(*words: bytes) -> bytes:
    # RESP, https://redis.io/docs/latest/develop/reference/protocol-spec/: an array of bulk strings.
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def probe_https(port: int, path: str, *, authority: Path) -> None:
    """A server answers 200 over TLS that verifies against our own authority."""
    try:
        context = ssl.create_default_context(cafile=str(authority))
        connection = http.client.HTTPSConnection(LOOPBACK, port, timeout=_ANSWER_SECONDS, context=context)
        try:
            connection.request("GET", path, headers={"Host": f"localhost:{port}"})
            answer = connection.getresponse()
            body = answer.read(65536)
        finally:
            connection.close()
    except ssl.SSLCertVerificationError as error:
        raise ProbeFailed(f"certificate not trusted: {error.verify_message}") from error
    except (OSError, http.client.HTTPException) as error:
        raise ProbeFailed(f"{LOOPBACK}:{port}: {error}") from error
    if answer.status != http.client.OK:
        raise ProbeFailed(f"{path} answered {answer.status}: {_in_one_line(body)}")


def _in_one_line(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)[:500]
    except ValueError:
        return " ".join(body.decode(errors="replace").split())[:200]
