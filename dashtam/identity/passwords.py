"""Passwords: which may be chosen, how they are kept (argon2id), and a bound on the work that they cause.

Length is what counts (NIST SP 800-63B, revision 4, 3.1.1): no rule asks for kinds of signs, nothing is cut off, and
what is easily guessed is refused. Hashing happens in a few threads, which argon2-cffi lets run beside the event loop.
"""

import asyncio
import os
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import Final, NamedTuple, TypeVar

from argon2 import Parameters, PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from pydantic import SecretStr
from zxcvbn import zxcvbn

from dashtam.identity.errors import PasswordRefused, TooBusy

LEAST_SIGNS: Final = 15
"""The least that NIST asks of a password that may be the only factor."""
MAX_CHARACTERS: Final = 128
LIVE: Final = RFC_9106_LOW_MEMORY
"""Three passes over 64 MiB in four lanes: the second recommended option of RFC 9106, section 4."""
THREADS: Final = 2
"""Each works with as many threads as there are lanes."""
_NICENESS: Final = 10
_MAX_WAITING: Final = 32
"""Jobs that wait or run: what comes on top is refused, so that a flood costs 128 MiB and not all memory."""
_RETRY_SECONDS: Final = 2
# Its time grows with the power of the length (seconds for 72 signs of a hostile kind), so it sees the beginning alone.
_MAX_ESTIMATED: Final = 24
_LEAST_GUESSES: Final = 8.0
"""As a power of ten: what zxcvbn calls "safely unguessable" at a slow hash begins here."""
_SERVICE: Final = "dashtam"

Result = TypeVar("Result")


class Verdict(NamedTuple):
    """What became of a password that was shown."""

    is_right: bool
    is_outdated: bool
    """It was hashed with weaker parameters than today's: hash it again while it is known."""


def normalized(password: SecretStr) -> str:
    """The one spelling under which a password is hashed, whatever keyboard typed it (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", password.get_secret_value())


class Passwords:
    """Hashes, verifies and judges passwords in a few threads."""

    def __init__(self, executor: ThreadPoolExecutor, parameters: Parameters = LIVE) -> None:
        self._executor = executor
        self._parameters = parameters
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._jobs = 0

    @cached_property
    def _dummy(self) -> str:
        """Made with today's parameters, so that an address that nobody has costs what a wrong password costs."""
        return self._hasher.hash("nobody's password")

    async def judge(self, password: SecretStr, *, context: Iterable[str] = ()) -> None:
        """Check that a password may be chosen; `context` are words that a guesser of this one would try first.

        Raises:
            PasswordRefused: too short, too long, or easily guessed; says which, and never repeats it.
            TooBusy: too much is waiting already.
        """
        text = normalized(password)
        if len(text) < LEAST_SIGNS:
            raise PasswordRefused(
                f"It has fewer than {LEAST_SIGNS} characters; several words in a row are easy."
            )
        if len(text) > MAX_CHARACTERS:
            raise PasswordRefused(f"It has more than {MAX_CHARACTERS} characters.")
        words = [_SERVICE, *context]
        if await self._run(lambda: _guesses(text, words)) < _LEAST_GUESSES:
            raise PasswordRefused(
                "It is among those that are guessed first: a common password, a repetition, a row of keys, or "
                "your address. Several words in a row that nobody would expect are better."
            )

    async def hash(self, password: SecretStr) -> str:
        """Hash a password for storage, in the PHC string format.

        Raises:
            TooBusy: too much is waiting already.
        """
        text = normalized(password)
        return await self._run(lambda: self._hasher.hash(text))

    async def verify(self, stored: str | None, password: SecretStr) -> Verdict:
        """Compare a password with the stored hash; None, or what is no hash of argon2, costs the same and never fits.

        Raises:
            TooBusy: too much is waiting already.
        """
        text = normalized(password)
        return await self._run(lambda: self._compare(stored, text))

    def _compare(self, stored: str | None, text: str) -> Verdict:
        seen, dummy = _parameters(stored), self._dummy  # whoever comes first waits for it, known or not
        try:
            self._hasher.verify(dummy if stored is None or seen is None else stored, text)
        except VerificationError:
            return Verdict(is_right=False, is_outdated=False)
        if seen is None:
            return Verdict(is_right=False, is_outdated=False)
        return Verdict(is_right=True, is_outdated=_is_weaker(seen, self._parameters))

    async def _run(self, job: Callable[[], Result]) -> Result:
        """Run a job in a thread, or refuse it; a caller who goes away frees its place when the job has ended."""
        if self._jobs >= _MAX_WAITING:
            raise TooBusy(f"{self._jobs} password jobs wait or run", retry_after=_RETRY_SECONDS)
        loop = asyncio.get_running_loop()
        self._jobs += 1
        future = self._executor.submit(job)
        future.add_done_callback(lambda _: _notify_loop(loop, self._ended))
        return await asyncio.wrap_future(future)

    def _ended(self) -> None:
        self._jobs -= 1


def _give_way() -> None:
    """Let the event loop go first: Linux knows niceness by thread, and the lanes of argon2 inherit that of theirs."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


@contextmanager
def open_passwords(parameters: Parameters = LIVE) -> Iterator[Passwords]:
    """Open the threads in which passwords are hashed, and end them."""
    with ThreadPoolExecutor(THREADS, "passwords", _give_way) as executor:
        yield Passwords(executor, parameters)


def _notify_loop(loop: asyncio.AbstractEventLoop, ended: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(ended)


def _guesses(text: str, words: Iterable[str]) -> float:
    """How many guesses find the beginning of a password, as a power of ten (Wheeler, USENIX Security 2016)."""
    estimate = zxcvbn(text[:_MAX_ESTIMATED], user_inputs=[word.lower() for word in words if word])
    return float(estimate["guesses_log10"])


def _parameters(stored: str | None) -> Parameters | None:
    try:
        return None if stored is None else extract_parameters(stored)
    except InvalidHashError:
        return None


def _is_weaker(seen: Parameters, live: Parameters) -> bool:
    """Another kind counts as weaker, more of everything does not: parameters are raised, never lowered."""
    if seen.type is not Type.ID or seen.version < live.version:
        return True
    pairs = ((seen.time_cost, live.time_cost), (seen.memory_cost, live.memory_cost))
    lengths = ((seen.hash_len, live.hash_len), (seen.salt_len, live.salt_len))
    return any(old < new for old, new in (*pairs, *lengths))
