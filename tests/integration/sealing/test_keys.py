"""Data keys in a process: which one seals, which ones open, and when it notices that others changed them."""

import asyncio
import copy
import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from pydantic import SecretStr
from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import OperationalError

from dashtam.audit.trail import AuditTrail
from dashtam.models import EncryptionKey, KeyState
from dashtam.sealing.columns import ACCESS_TOKEN, SECOND_FACTOR, VERIFIER
from dashtam.sealing.errors import SealError
from dashtam.sealing.keys import RELOAD_SECONDS, Keys
from dashtam.sealing.wrapping import Wrapper, new_key_id
from dashtam.settings.model import TestSettings
from tests.support.makers.earlier_values import seal_earlier

pytestmark = pytest.mark.usefixtures("transaction")

PLACE = ACCESS_TOKEN.context(UUID(int=1), UUID(int=2), 3)
SECRET = SecretStr("canary")


@dataclass
class Clock:
    """Stands still until it is told to go on."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


MakeKeys = Callable[..., Keys]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def process(settings: TestSettings, trail: AuditTrail, clock: Clock) -> MakeKeys:
    """Makes the keys of another process of this installation."""

    def make(settings_keys: dict[str, bytes] | None = None) -> Keys:
        return Keys(settings_keys or settings.token_keys, environment="testing", trail=trail, clock=clock)

    return make


async def promote(settings: TestSettings, *, settings_keys: dict[str, bytes] | None = None) -> str:
    """What another process does: a new key seals, the one before only opens."""
    key_id = new_key_id()
    wrapped = Wrapper(settings_keys or settings.token_keys, environment="testing").make(key_id)
    await EncryptionKey.filter(state=KeyState.ACTIVE).update(state=KeyState.DECRYPT)
    await EncryptionKey.create(
        id=key_id, wrapped=wrapped.value, wrapping_key_id=wrapped.key_id, state=KeyState.ACTIVE
    )
    return key_id


async def retire(key_id: str) -> None:
    await EncryptionKey.filter(id=key_id).update(state=KeyState.RETIRED, wrapped=None)


async def test_what_one_process_sealed_another_one_opens(process: MakeKeys) -> None:
    sealed = await process().seal(SECRET, context=PLACE)
    assert sealed.key_id == (await EncryptionKey.get(state=KeyState.ACTIVE)).id
    assert sealed.value.startswith(f"v2.{sealed.key_id}.".encode())
    assert await process().open(sealed.value, context=PLACE) == SECRET


async def test_keys_are_read_once_and_not_at_each_use(process: MakeKeys, statements: list[str]) -> None:
    keys = process()
    assert not statements
    for _ in range(20):
        await keys.open((await keys.seal(SECRET, context=PLACE)).value, context=PLACE)
    await asyncio.sleep(0)  # the listener is told by the loop
    assert len([sent for sent in statements if "encryption_keys" in sent]) == 1


async def test_a_process_reads_at_once_what_another_one_sealed_with_a_key_it_has_never_seen(
    process: MakeKeys, settings: TestSettings
) -> None:
    old = process()
    first = await old.seal(SECRET, context=PLACE)
    await promote(settings)
    second = await process().seal(SECRET, context=PLACE)
    assert second.key_id != first.key_id
    assert await old.open(second.value, context=PLACE) == SECRET
    assert await old.open(first.value, context=PLACE) == SECRET


async def test_a_process_seals_with_a_promoted_key_within_seconds(
    process: MakeKeys, settings: TestSettings, clock: Clock
) -> None:
    keys = process()
    first = await keys.seal(SECRET, context=PLACE)
    key_id = await promote(settings)
    clock.now += RELOAD_SECONDS
    assert (await keys.seal(SECRET, context=PLACE)).key_id == first.key_id
    clock.now += 0.1
    assert (await keys.seal(SECRET, context=PLACE)).key_id == key_id


async def test_a_retired_key_opens_nothing_and_a_process_forgets_it_within_seconds(
    process: MakeKeys, settings: TestSettings, clock: Clock
) -> None:
    keys = process()
    sealed = await keys.seal(SECRET, context=PLACE)
    await promote(settings)
    await retire(sealed.key_id)
    with pytest.raises(SealError, match=f"no data key '{sealed.key_id}', or it is retired"):
        await process().open(sealed.value, context=PLACE)
    clock.now += RELOAD_SECONDS + 0.1
    with pytest.raises(SealError, match="or it is retired"):
        await keys.open(sealed.value, context=PLACE)


async def test_a_missing_key_is_named(process: MakeKeys) -> None:
    keys = process()
    sealed = await keys.seal(SECRET, context=PLACE)
    with pytest.raises(SealError, match="there is no data key 'k-gone'"):
        await keys.open(sealed.value.replace(sealed.key_id.encode(), b"k-gone"), context=PLACE)


@pytest.mark.parametrize(
    ("hostile", "fault"),
    [
        (b"canary", "not a sealed value"),
        (b"", "not a sealed value"),
        (
            b"v3.k-one.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
            "sealed in the layout b'v3'; expected v2 or v1",
        ),
        (
            b"v1.gone.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
            "'gone', which TOKEN_ENCRYPTION_KEYS does not hold",
        ),
    ],
)
async def test_what_is_no_value_of_ours_is_refused_and_never_answered(
    process: MakeKeys, hostile: bytes, fault: str
) -> None:
    with pytest.raises(SealError, match=fault) as caught:
        await process().open(hostile, context=PLACE)
    assert "canary" not in str(caught.value)


async def test_a_moved_value_does_not_open(process: MakeKeys) -> None:
    keys = process()
    sealed = (await keys.seal(SECRET, context=PLACE)).value
    for moved in (
        replace(PLACE, version=2),
        replace(PLACE, user_id=UUID(int=9)),
        SECOND_FACTOR.context(UUID(int=1), UUID(int=2), 3),
    ):
        with pytest.raises(SealError, match="does not open"):
            await keys.open(sealed, context=moved)


async def test_what_a_settings_key_sealed_before_there_were_data_keys_opens(
    process: MakeKeys, settings: TestSettings
) -> None:
    (key_id, key), *_ = settings.token_keys.items()
    place = f"provider_token:{UUID(int=1)}:access"
    assert await process().open(seal_earlier("old", key_id=key_id, key=key, place=place), context=PLACE) == (
        SecretStr("old")
    )
    hostile = seal_earlier("old", key_id=key_id, key=key, place="")
    with pytest.raises(SealError, match="layout v1 was never used"):
        await process().open(hostile, context=VERIFIER.context(UUID(int=1), UUID(int=2)))


async def test_a_key_that_cannot_be_unwrapped_stops_sealing_and_says_why(
    process: MakeKeys, settings: TestSettings
) -> None:
    sealed = await process().seal(SECRET, context=PLACE)
    keys = process({"other": bytes(range(32))})
    sentence = f"'{sealed.key_id}' is wrapped with 'test', which TOKEN_ENCRYPTION_KEYS does not hold"
    with pytest.raises(SealError, match=sentence):
        await keys.seal(SECRET, context=PLACE)
    with pytest.raises(SealError, match=sentence):
        await keys.open(sealed.value, context=PLACE)
    assert sentence in (await keys.find_faults())[sealed.key_id]


async def test_another_key_under_the_id_of_a_settings_key_is_noticed(process: MakeKeys) -> None:
    await process().seal(SECRET, context=PLACE)
    keys = process({"test": bytes(range(32))})
    with pytest.raises(SealError, match="does not unwrap with 'test'"):
        await keys.seal(SECRET, context=PLACE)


async def test_a_process_goes_on_with_a_key_that_was_wrapped_anew_with_one_it_does_not_have(
    process: MakeKeys, settings: TestSettings, clock: Clock
) -> None:
    keys = process()
    sealed = await keys.seal(SECRET, context=PLACE)
    new = Wrapper({"new": bytes(range(32)), **settings.token_keys}, environment="testing")
    row = await EncryptionKey.get(id=sealed.key_id)
    wrapped = new.rewrap(row.id, row.wrapped or b"")
    await EncryptionKey.filter(id=row.id).update(wrapped=wrapped.value, wrapping_key_id=wrapped.key_id)
    clock.now += RELOAD_SECONDS + 0.1
    assert await keys.open((await keys.seal(SECRET, context=PLACE)).value, context=PLACE) == SECRET
    with pytest.raises(SealError, match="is wrapped with 'new'"):
        await process().seal(SECRET, context=PLACE)


async def test_a_row_that_was_exchanged_for_another_is_noticed(
    process: MakeKeys, settings: TestSettings
) -> None:
    first = await EncryptionKey.get(state=KeyState.ACTIVE)
    second = await promote(settings)
    await EncryptionKey.filter(id=second).update(wrapped=first.wrapped)
    with pytest.raises(SealError, match=f"'{second}' does not unwrap"):
        await process().seal(SECRET, context=PLACE)


async def test_a_read_that_fails_is_tried_again_by_the_next_one(
    process: MakeKeys, transaction: BaseDBAsyncClient, settings: TestSettings, clock: Clock
) -> None:
    keys = process()
    await keys.seal(SECRET, context=PLACE)
    key_id = await promote(settings)
    clock.now += RELOAD_SECONDS + 0.1
    await transaction.execute_script("SAVEPOINT s; ALTER TABLE encryption_keys RENAME TO elsewhere")
    with pytest.raises(OperationalError, match="encryption_keys"):
        await keys.seal(SECRET, context=PLACE)
    await transaction.execute_script("ROLLBACK TO s")
    assert (await keys.seal(SECRET, context=PLACE)).key_id == key_id


async def test_of_tasks_that_find_their_knowledge_old_one_asks(
    process: MakeKeys, clock: Clock, statements: list[str]
) -> None:
    keys = process()
    await keys.seal(SECRET, context=PLACE)
    clock.now += RELOAD_SECONDS + 0.1
    await asyncio.sleep(0)
    statements.clear()
    sealed = await asyncio.gather(*(keys.seal(SECRET, context=PLACE) for _ in range(10)))
    assert len(sealed) == 10
    await asyncio.sleep(0)  # the listener is told by the loop
    assert len([sent for sent in statements if "encryption_keys" in sent]) == 1


async def test_tasks_that_seal_first_all_wait_for_the_keys(process: MakeKeys) -> None:
    keys = process()
    sealed = await asyncio.gather(*(keys.seal(SECRET, context=PLACE) for _ in range(10)))
    assert len({one.key_id for one in sealed}) == 1


async def test_no_key_shows_itself(process: MakeKeys, caplog: pytest.LogCaptureFixture) -> None:
    keys = process()
    sealed = await keys.seal(SECRET, context=PLACE)
    logging.getLogger("test").warning("%r %s %r", keys, keys, sealed)
    assert sealed.key_id in repr(keys)
    assert "canary" not in caplog.text
    for act in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            act(keys)
    rows = await connections.get("default").execute_query_dict("SELECT k::text AS row FROM encryption_keys k")
    assert all("canary" not in row["row"] for row in rows)


async def test_nothing_is_asked_before_the_first_use(process: MakeKeys, statements: list[str]) -> None:
    repr(process())
    assert statements == []
