"""The cost of signing in and of being signed in: authenticated reads, sign-ins per second, and event loop delays.

It also measures whether the duration of a refusal reveals that an address has a user.

Run it as `python -m benchmarks.sign_in` inside the app component in testing mode (`invoke test.setup`). One worker over
TLS; rounds alternate between what is compared; the load comes from other processes. Exit code 1: a target is missed.
"""

import argparse
import asyncio
import itertools
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from argon2 import PasswordHasher

from benchmarks.http import Contestant, free_ports, running
from dashtam.database.lifespan import open_session
from dashtam.devenv.project.certificates import Certificates, ensure_certificates
from dashtam.identity.passwords import LIVE, THREADS
from dashtam.settings.loading import load_settings
from dashtam.settings.model import TestSettings

MIN_OF_OPEN: Final = 0.75
MIN_OF_ARGON2: Final = 0.8
MAX_DELAY_MS: Final = 25.0
MAX_APART: Final = 0.1
"""The maximum relative difference between refusals for addresses with and without a user."""
AT_ONCE: Final = 20
_USERS: Final = 200
_PASSWORD: Final = "seven otters juggle lanterns"  # of users that exist only during this benchmark
_OPEN, _CLOSED = "/api/v1/providers?limit=20", "/bench/providers?limit=20"


@dataclass
class Visitor:
    """Signs in as one user after another, each from a different IP address, so that no limit applies."""

    client: httpx.AsyncClient
    numbers: "itertools.count[int]"

    async def sign_in(self) -> str:
        """Sign in once, and return the access token."""
        response = await self._try(f"bench-{next(self.numbers) % _USERS}@example.com", _PASSWORD)
        if response.status_code != httpx.codes.CREATED:
            raise RuntimeError(f"expected 201; got {response.status_code}: {response.text}")
        return str(response.json()["access_token"])

    async def refusal(self, kind: str) -> float:
        """Return the seconds until a wrong password is refused, for an address that begins with a word."""
        number, started = next(self.numbers) % _USERS, time.perf_counter()
        response = await self._try(f"{kind}-{number}@example.com", "not the password")
        if response.status_code != httpx.codes.UNAUTHORIZED:
            raise RuntimeError(f"expected 401; got {response.status_code}: {response.text}")
        return time.perf_counter() - started

    async def _try(self, email: str, password: str) -> httpx.Response:
        number = next(self.numbers)
        network = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return await self.client.post(
            "/api/v1/sessions",
            json={"email": email, "password": password},
            headers={"X-Forwarded-For": network},
        )

    async def rate(self, seconds: float) -> float:
        """Return the sign-ins per second, with 20 concurrent ones."""
        started = time.perf_counter()
        done = 0

        async def go_on() -> None:
            nonlocal done
            while time.perf_counter() < started + seconds:
                await self.sign_in()
                done += 1

        await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))
        return done / (time.perf_counter() - started)


@asynccontextmanager
async def _users(settings: TestSettings) -> AsyncIterator[None]:
    """Create the users who sign in, all with one password, and remove them afterwards."""
    password_hash = PasswordHasher.from_parameters(LIVE).hash(_PASSWORD)
    async with open_session(settings, process="bench") as session:
        await session.execute(
            "INSERT INTO users (email, password_hash) SELECT 'bench-' || n || '@example.com', $1 "
            "FROM generate_series(0, $2::int) AS n",
            password_hash,
            _USERS - 1,
        )
        try:
            yield
        finally:
            await session.execute("DELETE FROM users WHERE email LIKE 'bench-%@example.com'")


async def _argon2_rate(seconds: float) -> float:
    """Return the bare verifications per second, in as many threads as the API uses."""
    hasher = PasswordHasher.from_parameters(LIVE)
    stored = hasher.hash(_PASSWORD)
    started = time.perf_counter()

    def go_on() -> int:
        done = 0
        while time.perf_counter() < started + seconds:
            hasher.verify(stored, _PASSWORD)
            done += 1
        return done

    with ThreadPoolExecutor(THREADS) as threads:
        loop = asyncio.get_running_loop()
        done = await asyncio.gather(*(loop.run_in_executor(threads, go_on) for _ in range(THREADS)))
    return sum(done) / (time.perf_counter() - started)


async def _read_rate(contestant: Contestant, folder: Path, path: str, token: str, seconds: float) -> float:
    """Return the reads per second through eight connections; both paths get the credential, but only one checks it."""
    arguments = [contestant.port, Certificates(folder).authority, path, seconds, 8]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load", *map(str, arguments)),
        stdout=subprocess.PIPE,
        env={**os.environ, "LOAD_HEADER": f"Authorization: Bearer {token}"},
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the load ended with an error")
    return float(json.loads(output)["per_second"])


def _judge(words: str, found: float, *, least: float | None = None, most: float | None = None) -> bool:
    met = (least is None or found >= least) and (most is None or found <= most)
    target = f"at least {least}" if least is not None else f"at most {most}"
    print(f"  {words}: {found:.2f}; target {target} {'met' if met else 'MISSED'}")
    return met


async def _compare(contestant: Contestant, folder: Path, *, rounds: int, seconds: float) -> bool:
    context = ssl.create_default_context(cafile=str(Certificates(folder).authority))
    async with httpx.AsyncClient(
        base_url=f"https://localhost:{contestant.port}", verify=context, timeout=60
    ) as client:
        visitor = Visitor(client, itertools.count(int(time.time()) & 0xFFFF))
        token = await visitor.sign_in()
        bearer = {"Authorization": f"Bearer {token}"}
        reads, sign_ins, delays = [], [], []
        for _ in range(rounds):
            with_user = await _read_rate(contestant, folder, _CLOSED, token, seconds)
            without = await _read_rate(contestant, folder, _OPEN, token, seconds)
            reads.append((with_user, without))
            await client.get("/bench/delays", headers=bearer)
            rate = await visitor.rate(seconds)
            delays.append((await client.get("/bench/delays", headers=bearer)).json())
            sign_ins.append((rate, await _argon2_rate(seconds)))
        apart = await _time_apart(visitor, rounds * 20)
    print(f"medians of {rounds} rounds of {seconds:g} s; one worker, TLS, argon2id in {THREADS} threads")
    for words, pairs in (("reads", reads), ("sign-ins", sign_ins)):
        own, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"  {words:9} {own:8.1f}/s   plain {plain:8.1f}/s")
    p99 = statistics.median(found["p99"] for found in delays)
    verdicts = (
        _judge("authenticated read, relative to the same public read", _ratio(reads), least=MIN_OF_OPEN),
        _judge("sign-ins, relative to bare argon2", _ratio(sign_ins), least=MIN_OF_ARGON2),
        _judge(f"event loop late while {AT_ONCE} sign in, p99 in ms", p99, most=MAX_DELAY_MS),
        _judge("refusals of known and unknown addresses, relative difference", apart, most=MAX_APART),
    )
    return all(verdicts)


async def _time_apart(visitor: Visitor, times: int) -> float:
    """Return the relative difference between the medians of both refusals, measured in turns."""
    taken: dict[str, list[float]] = {"bench": [], "nobody": []}
    for _ in range(times):
        for kind, seconds in taken.items():
            seconds.append(await visitor.refusal(kind))
    known, unknown = (statistics.median(seconds) for seconds in taken.values())
    return abs(known - unknown) / known


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the median of the ratios of each round, because a disturbance affects both figures of a round."""
    return statistics.median(own / plain for own, plain in pairs)


async def _main(arguments: argparse.Namespace) -> bool:
    settings = load_settings(TestSettings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ensure_certificates(folder)
        made, (port,) = Certificates(folder), free_ports(1)
        command = [
            *(sys.executable, "-m", "hypercorn", "--workers", "1", "--bind", f"127.0.0.1:{port}"),
            *("--certfile", str(made.server), "--keyfile", str(made.server_key)),
            "benchmarks.rivals.gauged:app",
        ]
        contestant = Contestant("gauged", command, port)
        environment = {**os.environ, "TRUSTED_PROXIES": "127.0.0.1"}
        async with _users(settings):
            with running(contestant, environment, folder):
                return await _compare(contestant, folder, rounds=arguments.rounds, seconds=arguments.seconds)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark, and return 0 if all targets are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sign_in", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="the duration of each measurement in each round"
    )
    return 0 if asyncio.run(_main(parser.parse_args(argv))) else 1


if __name__ == "__main__":
    sys.exit(main())
