"""Sealing and opening a token against bare AESGCM, and the rotation of 100,000 sealed tokens.

Bare AESGCM writes the same text into the column: base64, one key, and one context for all values, prepared as bytes.

Run it as `python -m benchmarks.sealing` inside the app component in testing mode (`invoke test.setup`). Each rotation
runs in a separate process, to measure only its own memory. Exit code 1: a target is missed.
"""

import argparse
import asyncio
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import Final
from uuid import uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from dashtam.audit.trail import AuditTrail
from dashtam.database.lifespan import connect, open_session
from dashtam.models import Provider, User
from dashtam.sealing.columns import ACCESS_TOKEN
from dashtam.sealing.keys import Keys
from dashtam.settings.loading import load_settings
from dashtam.settings.model import TestSettings
from tests.support.makers.many_tokens import store_tokens
from tests.support.makers.rows import make_provider, make_user

MAX_OF_BARE: Final = 3.0
MAX_MICROSECONDS: Final = 50.0
MAX_MEMORY: Final = 1.1
"""The maximum ratio of the peak memory of a long rotation to that of a short one."""
_SHORT: Final = 2_000
_ROUNDS: Final = 30
_TIMES: Final = 1_000
_TOKEN: Final = SecretStr(secrets.token_urlsafe(150))
_RATE: Final = re.compile(r"  table=provider_tokens rows=(\d+) seconds=([\d.]+)s")
Act = Callable[[], Awaitable[object]]


async def compare(keys: Keys) -> bool:
    """Time our seal and open, with contexts, and the bare cipher in turns, and print the microseconds of each."""
    cipher, text = AESGCM(secrets.token_bytes(32)), _TOKEN.get_secret_value()
    row, user, bound = uuid4(), uuid4(), secrets.token_bytes(180)
    nonce = os.urandom(12)
    clear, ciphertext = text.encode(), cipher.encrypt(nonce, text.encode(), bound)
    stored = urlsafe_b64encode(nonce + ciphertext)
    sealed = (await keys.seal(_TOKEN, context=ACCESS_TOKEN.context(row, user, 7))).value

    async def bare_seal() -> object:
        nonce = os.urandom(12)
        return urlsafe_b64encode(nonce + cipher.encrypt(nonce, text.encode(), bound))

    async def bare_open() -> object:
        whole = urlsafe_b64decode(stored)
        return cipher.decrypt(whole[:12], whole[12:], bound).decode()

    async def encrypt_only() -> object:
        return cipher.encrypt(nonce, clear, bound)

    async def decrypt_only() -> object:
        return cipher.decrypt(nonce, ciphertext, bound)

    async def seal() -> object:
        return await keys.seal(_TOKEN, context=ACCESS_TOKEN.context(row, user, 7))

    async def unseal() -> object:
        return await keys.open(sealed, context=ACCESS_TOKEN.context(row, user, 7))

    met = True
    contests = (("seal", seal, bare_seal, encrypt_only), ("open", unseal, bare_open, decrypt_only))
    for name, ours, bare, cipher_call in contests:
        rounds = [(await _time(ours), await _time(bare), await _time(cipher_call)) for _ in range(_ROUNDS)]
        ratio = median(own_time / bare_time for own_time, bare_time, _ in rounds)
        own_time, bare_time, cipher_only = (median(column) for column in zip(*rounds, strict=True))
        fits = ratio <= MAX_OF_BARE and own_time < MAX_MICROSECONDS
        met &= fits
        print(
            f"  {name:<5} {own_time:5.1f} us   bare AESGCM {bare_time:4.1f} us (cipher only {cipher_only:.1f} us)   "
            f"{ratio:.2f} times, target at most "
            f"{MAX_OF_BARE} and {MAX_MICROSECONDS:.0f} us {'✓' if fits else '✗'}"
        )
    return met


async def _time(act: Act) -> float:
    begun = time.perf_counter()
    for _ in range(_TIMES):
        await act()
    return (time.perf_counter() - begun) / _TIMES * 1e6


@asynccontextmanager
async def _tokens(settings: TestSettings, keys: Keys, count: int) -> AsyncIterator[None]:
    """Store sealed tokens in the test database, and remove them afterwards."""
    user, provider = await make_user(email=f"{uuid4()}@example.com"), await make_provider(key="bench_sealing")
    try:
        async with open_session(settings, process="bench") as session:
            await store_tokens(session, keys, count, user_id=user.id, provider_id=provider.id)
        yield
    finally:
        await User.filter(id=user.id).delete()
        await Provider.filter(id=provider.id).delete()


def rotate() -> tuple[int, float, float]:
    """Rotate like an operator, and return the rows, the seconds of resealing them, and the peak memory in MiB.

    Raises:
        RuntimeError: the command failed; the message is its output.
    """
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashtam.commands.keys", "rotate"], stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode or not (match := _RATE.search(text)):
        raise RuntimeError(text)
    return int(match[1]), float(match[2]), usage.ru_maxrss / 1024


async def measure_rotation(settings: TestSettings, keys: Keys, count: int) -> bool:
    """Rotate a few and many tokens, and print the rates and the ratio of their memory."""
    memory = []
    for wanted in (_SHORT, count):
        async with _tokens(settings, keys, wanted):
            rows, seconds, peak = await asyncio.to_thread(rotate)
        memory.append(peak)
        print(f"  rotate {rows:7} tokens   {rows / seconds:7.0f} rows a second   peak {peak:6.1f} MiB")
        await keys.reload()
    ratio = memory[1] / memory[0]
    fits = ratio <= MAX_MEMORY
    print(f"  memory {ratio:.2f} times, target at most {MAX_MEMORY} {'✓' if fits else '✗'}")
    return fits


async def _main(count: int) -> bool:
    settings = load_settings(TestSettings)
    trail = AuditTrail(settings.token_keys)
    keys = Keys(settings.token_keys, environment=settings.ENVIRONMENT.value, trail=trail)
    async with connect(settings, process="bench"):
        print(f"one token of 200 characters, medians of {_ROUNDS} rounds of {_TIMES} in turns")
        met = await compare(keys)
        return await measure_rotation(settings, keys, count) and met


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark, and return 0 if all targets are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sealing", description=__doc__)
    parser.add_argument("--tokens", type=int, default=100_000, help="how many are rotated")
    return 0 if asyncio.run(_main(parser.parse_args(argv).tokens)) else 1


if __name__ == "__main__":
    sys.exit(main())
