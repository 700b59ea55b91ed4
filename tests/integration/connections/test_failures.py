"""What goes wrong is told honestly, stores nothing, and sends a code no second time."""

from dataclasses import dataclass

import httpx
import pytest
from pydantic import SecretStr

from dashtam.app import create_callback_app
from dashtam.cache import open_cache
from dashtam.models import (
    AuthorizationRequest,
    ConnectionReason,
    ConnectionStatus,
    ProviderConnection,
    ProviderToken,
    Revocation,
)
from dashtam.providers.registry import Registry
from dashtam.resources import Resources
from dashtam.sealing.cipher import Context, Sealed
from dashtam.sealing.errors import SealError
from dashtam.sealing.keys import Keys
from dashtam.settings.addresses import CacheAddress
from tests.support.banks.bank import Bank, BankAdapter
from tests.support.people.linking import Person, Story, relinked

CASES = [
    (503, "server_error", 503, "provider_failing", "does not respond as expected"),
    (400, "invalid_grant", 409, "grant_refused", "did not accept the code"),
    (401, "invalid_client", 502, "client_refused", "does not know this installation"),
]


@pytest.mark.parametrize(("theirs", "error", "ours", "reason", "words"), CASES)
async def test_a_provider_that_fails_is_named_so_and_asked_once(
    ada: Person, bank: Bank, story: Story, theirs: int, error: str, ours: int, reason: str, words: str
) -> None:
    bank.token_status, bank.token_error = theirs, error
    begun, answer = await ada.reach_callback()
    response = await ada.surfer.open(answer)
    text = await response.get_data(as_text=True)
    assert response.status_code == ours
    assert words in text
    assert "canary" not in text
    _, shown = await ada.ask("GET", f"connections/{begun['id']}")
    assert (shown["status"], shown["reason"]) == ("failed", reason)
    assert len(bank.token_requests) == 1
    assert not await ProviderToken.exists()
    assert (await story())[-1].startswith("authorization.completed failed ")
    # The way back is open.
    bank.token_status = 200
    _, again = await ada.ask("POST", f"connections/{begun['id']}/reconnections", {})
    assert (await ada.surfer.open(await ada.agree(await ada.follow(again["link"])))).status_code == 303


async def test_a_provider_that_is_away_is_asked_once(ada: Person, adapter: BankAdapter, bank: Bank) -> None:
    begun, answer = await ada.reach_callback()
    adapter.url = "https://localhost:1"
    response = await ada.surfer.open(answer)
    assert response.status_code == 503
    assert (await ada.surfer.open(answer)).status_code == 400
    connection = await ProviderConnection.get(id=begun["id"])
    assert (connection.status, connection.reason) == (
        ConnectionStatus.FAILED,
        ConnectionReason.PROVIDER_FAILING,
    )
    assert not bank.token_requests


async def test_less_than_we_need_is_not_kept_and_its_end_is_queued(
    ada: Person, bank: Bank, story: Story
) -> None:
    bank.scope = "transactions"
    begun, answer = await ada.reach_callback()
    response = await ada.surfer.open(answer)
    assert response.status_code == 403
    assert "fewer permissions than Dashtam needs" in await response.get_data(as_text=True)
    connection = await ProviderConnection.get(id=begun["id"])
    assert (connection.status, connection.reason) == (ConnectionStatus.FAILED, ConnectionReason.SCOPE_MISSING)
    assert not await ProviderToken.exists()
    hints = [row.token_type_hint for row in await Revocation.all().order_by("id")]
    assert hints == ["refresh_token", "access_token"]
    assert (await story())[-1] == "authorization.completed denied scope_missing"


async def test_without_redis_the_answer_waits(
    ada: Person, bank: Bank, resources: Resources, registry: Registry
) -> None:
    _, answer = await ada.reach_callback()
    away = CacheAddress("127.0.0.1", 1, 1, SecretStr("x"))
    async with open_cache(away, environment="testing", process="test") as cache:
        app = create_callback_app(resources.settings, resources=relinked(resources, registry, cache=cache))
        response = await ada.surfer.open(answer, at=app.test_client(use_cookies=False))
    assert response.status_code == 503
    assert not bank.token_requests
    assert (await ada.surfer.open(answer)).status_code == 303


async def test_without_the_key_the_answer_waits(
    ada: Person, bank: Bank, resources: Resources, registry: Registry
) -> None:
    _, answer = await ada.reach_callback()
    other = Keys({"other": bytes(32)}, environment="testing", trail=resources.trail)
    app = create_callback_app(resources.settings, resources=relinked(resources, registry, keys=other))
    response = await ada.surfer.open(answer, at=app.test_client(use_cookies=False))
    assert response.status_code == 503
    assert "Nothing was connected" in await response.get_data(as_text=True)
    assert not bank.token_requests
    assert not await ProviderToken.exists()
    assert (await ada.surfer.open(answer)).status_code == 303


@dataclass
class _OpeningKeys(Keys):
    """Open, and seal nothing: the disk of the database is full, or the key was lost a moment ago."""

    real: Keys

    async def open(self, sealed: bytes, *, context: Context) -> SecretStr:
        return await self.real.open(sealed, context=context)

    async def seal(self, secret: SecretStr, *, context: Context) -> Sealed:
        raise SealError(f"nothing is sealed as {context}")


async def test_a_grant_that_cannot_be_kept_is_given_back(
    ada: Person, bank: Bank, resources: Resources, registry: Registry
) -> None:
    begun, answer = await ada.reach_callback()
    app = create_callback_app(
        resources.settings, resources=relinked(resources, registry, keys=_OpeningKeys(resources.keys))
    )
    response = await ada.surfer.open(answer, at=app.test_client(use_cookies=False))
    assert response.status_code == 503
    assert len(bank.token_requests) == 1
    assert bank.revoked == [(bank.granted[1], "refresh_token")]
    assert not await ProviderToken.exists()
    assert (await ProviderConnection.get(id=begun["id"])).status is not ConnectionStatus.ACTIVE


@dataclass
class _Wild(BankAdapter):
    async def exchange(self, *_: object, **__: object) -> object:  # type: ignore[override]
        raise httpx.InvalidURL("canary: an adapter with a defect")


async def test_a_defect_in_an_adapter_is_told_in_general_words(
    ada: Person, adapter: BankAdapter, resources: Resources
) -> None:
    wild = _Wild(adapter.key, adapter.url, adapter.client, adapter.issuer)
    app = create_callback_app(resources.settings, resources=relinked(resources, Registry([wild])))
    begun, answer = await ada.reach_callback()
    response = await ada.surfer.open(answer, at=app.test_client(use_cookies=False))
    text = await response.get_data(as_text=True)
    assert response.status_code == 502
    assert not [word for word in ("canary", "Traceback", "InvalidURL") if word in text]
    connection = await ProviderConnection.get(id=begun["id"])
    assert (connection.status, connection.reason) == (
        ConnectionStatus.FAILED,
        ConnectionReason.PROVIDER_FAILING,
    )
    assert not await AuthorizationRequest.exists()
