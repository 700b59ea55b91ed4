"""GET /api/v1/providers (20 rows, TLS): Dashtam against a bare Quart handler and against FastAPI with SQLAlchemy.

Run it as `python -m benchmarks.http` inside the app component in testing mode (`invoke test.setup`). Each server has
one worker; rounds alternate between the servers; the load comes from a second process. Exit code 1: a target is missed.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil

from dashtam.database.lifespan import open_session
from dashtam.devenv.project.certificates import Certificates, ensure_certificates
from dashtam.settings.loading import load_settings
from dashtam.settings.model import TestSettings

ROWS = 20
PATH = f"/api/v1/providers?limit={ROWS}"
MIN_OF_BARE = 0.6
MIN_OF_FASTAPI = 1.2
START_SECONDS = 30.0


@dataclass
class Contestant:
    """A server under load, and its measurements."""

    name: str
    command: list[str]
    port: int
    process: subprocess.Popen[bytes] | None = None
    rounds: list[dict[str, float]] = field(default_factory=list)

    def median(self, figure: str) -> float:
        """Return the median of a figure over all rounds."""
        return statistics.median(found[figure] for found in self.rounds)

    def memory(self) -> float:
        """Return the resident memory of the server and its children, in MiB."""
        if self.process is None:
            return 0.0
        whole = psutil.Process(self.process.pid)
        return sum(part.memory_info().rss for part in [whole, *whole.children(recursive=True)]) / 2**20


def contestants(folder: Path) -> list[Contestant]:
    """Return the three servers, with the same TLS files, one worker each, and no access log of hypercorn."""
    made = Certificates(folder)
    certificate, key = str(made.server), str(made.server_key)
    ports = free_ports(3)
    hypercorn = [
        sys.executable,
        "-m",
        "hypercorn",
        "--certfile",
        certificate,
        "--keyfile",
        key,
        "--workers",
        "1",
    ]
    uvicorn = [sys.executable, "-m", "uvicorn", "--ssl-certfile", certificate, "--ssl-keyfile", key]
    return [
        Contestant("dashtam", [*hypercorn, "--bind", f"127.0.0.1:{ports[0]}", "dashtam.asgi:app"], ports[0]),
        Contestant(
            "bare", [*hypercorn, "--bind", f"127.0.0.1:{ports[1]}", "benchmarks.rivals.bare:app"], ports[1]
        ),
        Contestant(
            "fastapi",
            [
                *uvicorn,
                "--no-access-log",
                "--port",
                str(ports[2]),
                "benchmarks.rivals.fastapi_sqlalchemy:app",
            ],
            ports[2],
        ),
    ]


def free_ports(count: int) -> list[int]:
    """Return free ports of the loopback address."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [found.getsockname()[1] for found in sockets]


@contextmanager
def running(contestant: Contestant, environment: dict[str, str], folder: Path) -> Iterator[None]:
    """Run a server until the end of the context; it has sent one response when the context begins."""
    with (folder / f"{contestant.name}.log").open("wb") as log:
        contestant.process = subprocess.Popen(contestant.command, env=environment, stdout=log, stderr=log)
        try:
            _await_response(contestant, folder)
            yield
        finally:
            contestant.process.terminate()
            contestant.process.wait(timeout=START_SECONDS)


def _await_response(contestant: Contestant, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            _load(contestant, folder, seconds=0.2, connections=1)
        except subprocess.CalledProcessError:
            if contestant.process is None or contestant.process.poll() is not None:
                break
        else:
            return
    raise RuntimeError(
        f"{contestant.name} does not respond:\n{(folder / f'{contestant.name}.log').read_text()}"
    )


def _load(contestant: Contestant, folder: Path, *, seconds: float, connections: int) -> dict[str, float]:
    arguments = [contestant.port, Certificates(folder).authority, PATH, seconds, connections]
    command = [sys.executable, "-m", "benchmarks.load", *map(str, arguments)]
    response = subprocess.run(command, check=True, capture_output=True, timeout=seconds + START_SECONDS)
    found: dict[str, float] = json.loads(response.stdout)
    return found


@asynccontextmanager
async def _rows(settings: TestSettings) -> AsyncIterator[None]:
    """Fill the catalogue of the test database up to 20 rows, and remove the added rows afterwards."""
    async with open_session(settings, process="bench") as session:
        missing = max(0, ROWS - int(await session.fetchval("SELECT count(*) FROM providers")))
        await session.execute(
            'INSERT INTO providers (key, name, description, website, "authorization") '
            "SELECT 'bench_' || n, 'Bench ' || n, repeat('words ', 10), 'https://example.com/' || n, 'oauth2' "
            "FROM generate_series(1, $1) AS n",
            missing,
        )
        try:
            yield
        finally:
            await session.execute("DELETE FROM providers WHERE key LIKE 'bench%'")


def compete(settings: TestSettings, *, rounds: int, seconds: float, connections: int) -> list[Contestant]:
    """Run all rounds; each round loads every server, so that a busy machine slows all of them."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        ensure_certificates(folder)
        field = contestants(folder)
        for contestant in field:
            stack.enter_context(running(contestant, _environment(settings), folder))
        for _ in range(rounds):
            for contestant in field:
                contestant.rounds.append(_load(contestant, folder, seconds=seconds, connections=connections))
        _report(field)
    return field


def _environment(settings: TestSettings) -> dict[str, str]:
    at = settings.database
    secret = quote(at.password.get_secret_value(), safe="")
    return {
        **os.environ,
        "RIVAL_DATABASE_URL": f"postgresql://{at.user}:{secret}@{at.host}:{at.port}/{at.name}",
    }


def _report(field: list[Contestant]) -> None:
    print(f"GET {PATH} over TLS, one worker each, medians of {len(field[0].rounds)} alternating rounds")
    for contestant in field:
        print(
            f"  {contestant.name:<8} {contestant.median('per_second'):8.0f}/s  p50 {contestant.median('p50'):6.2f} ms  "
            f"p99 {contestant.median('p99'):6.2f} ms  {contestant.memory():6.1f} MiB"
        )


def ratio(one: Contestant, other: Contestant) -> float:
    """Return the median of the ratios of each round, because a disturbance affects both figures of a round."""
    pairs = zip(one.rounds, other.rounds, strict=True)
    return statistics.median(own["per_second"] / rival["per_second"] for own, rival in pairs)


def _judge(field: list[Contestant]) -> bool:
    dashtam, bare, fastapi = field
    met = True
    for other, least in ((bare, MIN_OF_BARE), (fastapi, MIN_OF_FASTAPI)):
        found = ratio(dashtam, other)
        met &= found >= least
        print(
            f"  {found:.2f} times {other.name}; target at least {least} {'met' if found >= least else 'MISSED'}"
        )
    return met


async def _main(arguments: argparse.Namespace) -> bool:
    settings = load_settings(TestSettings)
    async with _rows(settings):
        return _judge(
            await asyncio.to_thread(
                compete,
                settings,
                rounds=arguments.rounds,
                seconds=arguments.seconds,
                connections=arguments.connections,
            )
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark, and return 0 if both targets are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="the duration of the load on each server in each round"
    )
    parser.add_argument("--connections", type=int, default=8)
    return 0 if asyncio.run(_main(parser.parse_args(argv))) else 1


if __name__ == "__main__":
    sys.exit(main())
