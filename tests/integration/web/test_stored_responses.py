"""Once means once: side by side, and where the process is killed; these tests commit, and clean up after themselves."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from dashtam.audit.trail import AuditTrail
from dashtam.disposable.verification import VerifiedTestDatabase
from dashtam.models import Provider, StoredAnswer, User
from dashtam.sealing.keys import Keys
from dashtam.web.errors import KeyInUse
from dashtam.web.stored_responses import IdempotencyKey, KeptResponse, respond_once
from tests.support.checkout import CHECKOUT
from tests.support.makers.rows import make_provider, make_user

Act = Callable[[], Awaitable[KeptResponse]]
Once = Callable[[IdempotencyKey, Act], Awaitable[tuple[KeptResponse, bool]]]

SIDE_BY_SIDE = 8


@pytest.fixture
async def user(database: VerifiedTestDatabase) -> AsyncIterator[User]:
    user = await make_user()
    yield user
    await user.delete()
    await Provider.filter(key__startswith="killed_").delete()
    await Provider.filter(description=str(user.id)).delete()
    assert not await StoredAnswer.filter(user_id=user.id).exists()


@pytest.fixture
def once(trail: AuditTrail, keys: Keys) -> Once:
    async def once(claim: IdempotencyKey, act: Act) -> tuple[KeptResponse, bool]:
        return await respond_once(claim, fingerprint="f", keys=keys, trail=trail, act=act)

    return once


async def test_a_second_request_is_told_that_the_first_one_is_at_work(user: User, once: Once) -> None:
    reached, opened = asyncio.Event(), asyncio.Event()

    async def act() -> KeptResponse:
        provider = await make_provider(description=str(user.id))
        reached.set()
        await opened.wait()
        return KeptResponse(201, {}, provider.key)

    async def ask() -> tuple[KeptResponse, bool]:
        return await once(IdempotencyKey(user.id, "route", "key"), act)

    first = asyncio.create_task(ask())
    await reached.wait()
    with pytest.raises(KeyInUse):
        await ask()
    opened.set()
    answer, is_replayed = await first
    assert not is_replayed
    assert await ask() == (answer, True)
    assert await Provider.filter(description=str(user.id)).count() == 1


async def test_many_at_once_do_it_once(user: User, once: Once) -> None:
    async def act() -> KeptResponse:
        return KeptResponse(201, {}, (await make_provider(description=str(user.id))).key)

    async def ask() -> tuple[KeptResponse, bool]:
        while True:
            try:
                return await once(IdempotencyKey(user.id, "route", "key"), act)
            except KeyInUse:
                continue

    answers = await asyncio.wait_for(asyncio.gather(*(ask() for _ in range(SIDE_BY_SIDE))), 60)
    assert len({answer.body for answer, _ in answers}) == 1
    assert sorted(is_replayed for _, is_replayed in answers) == [False, *[True] * (SIDE_BY_SIDE - 1)]
    assert await Provider.filter(description=str(user.id)).count() == 1


@pytest.mark.parametrize(("moment", "is_done"), [("before", False), ("after", True)])
async def test_a_process_that_is_killed_did_it_and_answered_it_or_did_neither(
    user: User, once: Once, moment: str, is_done: bool
) -> None:
    command = [sys.executable, "-m", "tests.support.faults.killed", str(user.id), moment, moment]
    killed = await asyncio.to_thread(subprocess.run, command, cwd=CHECKOUT, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert await Provider.filter(key=f"killed_{moment}").exists() is is_done

    async def act() -> KeptResponse:
        return KeptResponse(201, {}, (await make_provider(key=f"killed_{moment}")).key)

    async def ask() -> tuple[KeptResponse, bool]:
        while True:
            try:
                return await once(IdempotencyKey(user.id, "killed", moment), act)
            except KeyInUse:  # until PostgreSQL has noticed
                continue

    answer, is_replayed = await asyncio.wait_for(ask(), 60)
    assert (answer.body, is_replayed) == (f"killed_{moment}", is_done)
    assert await Provider.filter(key=f"killed_{moment}").count() == 1
