"""`python -m dashtam.commands.connect`: prints a link, waits, and says how it ended; in a process of its own."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from argon2.profiles import CHEAPEST

from dashtam.app import create_app, create_callback_app
from dashtam.models import (
    AuthorizationRequest,
    ConnectionReason,
    ConnectionStatus,
    Provider,
    ProviderConnection,
    User,
)
from dashtam.providers.base import OAuthAdapter
from dashtam.resources import Resources, open_resources
from dashtam.settings.model import TestSettings
from tests.support.makers.rows import make_provider, make_user
from tests.support.people.linking import OWN, proof
from tests.support.people.surfer import Surfer

SECONDS = 60


@pytest.fixture
async def operator(database: object) -> AsyncIterator[User]:
    """A user whom every process sees, and the sandbox in the catalogue."""
    user = await make_user()
    made = (
        None if await Provider.exists(key="sandbox") else await make_provider(key="sandbox", name="Sandbox")
    )
    yield user
    await user.delete()
    if made:
        await made.delete()


@pytest.fixture
async def resources(settings: TestSettings) -> AsyncIterator[Resources]:
    async with open_resources(settings, process="pytest", hashing=CHEAPEST) as resources:
        redis = vars(resources.cache)["_client"]
        async for key in redis.scan_iter("testing:attempts:*"):
            await redis.unlink(key)
        yield resources


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dashtam.commands.connect",
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=dict(os.environ),
    )
    try:
        async with asyncio.timeout(SECONDS):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def link_of(process: Process) -> str:
    assert process.stdout is not None
    while line := (await process.stdout.readline()).decode().strip():
        if "/connect/" in line:
            return line
    raise AssertionError("no link was printed")


async def end(process: Process) -> tuple[int, str]:
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode() + err.decode()


async def test_what_becomes_of_it_is_told_and_ends_the_command(
    operator: User, resources: Resources, settings: TestSettings
) -> None:
    adapter = resources.registry.find("sandbox")
    assert isinstance(adapter, OAuthAdapter)
    app, callback = (create(settings, resources=resources) for create in (create_app, create_callback_app))
    # Not the visitors' address: what is audited here stays.
    surfer = Surfer(
        app.test_client(use_cookies=False), callback.test_client(use_cookies=False), ip="127.0.0.9"
    )
    async with running("sandbox", "--email", operator.email, "--alias", "Shell") as process:
        link = await link_of(process)
        page = await surfer.open(link)
        assert operator.email in await page.get_data(as_text=True)
        sent = await surfer.open(link, "POST", form={"proof": await proof(page)}, headers=OWN)
        asked = parse_qs(urlsplit(sent.headers["Location"]).query)
        answer = {"error": "access_denied", "state": asked["state"][0], "iss": adapter.issuer or ""}
        denied = await surfer.open(f"{asked['redirect_uri'][0]}?{urlencode(answer)}")
        assert denied.status_code == 403
        code, told = await end(process)
    assert code == 1
    assert "Shell is failed (reason: denied): Reconnect, and agree on the provider's page." in told
    assert "Traceback" not in told


async def test_ctrl_c_takes_the_link_back(operator: User) -> None:
    async with running("sandbox", "--email", operator.email) as process:
        await link_of(process)
        assert await AuthorizationRequest.filter(user_id=operator.id).count() == 1
        process.send_signal(signal.SIGINT)
        code, told = await end(process)
    assert code == 130
    assert "the link was withdrawn" in told
    assert "Traceback" not in told
    assert not await AuthorizationRequest.filter(user_id=operator.id).exists()
    connection = await ProviderConnection.get(user_id=operator.id)
    assert (connection.status, connection.reason) == (ConnectionStatus.FAILED, ConnectionReason.DENIED)
    assert connection.alias == "Sandbox"
    # The same name is reconnected in place.
    async with running("sandbox", "--email", operator.email) as process:
        await link_of(process)
    assert await ProviderConnection.filter(user_id=operator.id).count() == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sandbox", "--email", "nobody@example.com"], "no user has the address"),
        (["nobody", "--email", "{email}"], "no provider has the key"),
        (["sandbox", "--email", "{email}", "--alias", "Taken"], "expected another --alias"),
    ],
)
async def test_what_cannot_be_is_said_before_anything_is_made(
    operator: User, arguments: list[str], words: str
) -> None:
    other = await make_provider()
    taken = await ProviderConnection.create(user=operator, provider=other, alias="Taken")
    async with running(*(argument.replace("{email}", operator.email) for argument in arguments)) as process:
        code, told = await end(process)
    assert (code, words in told, "Traceback" in told) == (1, True, False), told
    assert await ProviderConnection.filter(user_id=operator.id).count() == 1
    await taken.delete()
    await other.delete()
