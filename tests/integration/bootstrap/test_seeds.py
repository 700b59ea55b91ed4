"""Every database holds the catalogue, however often it is seeded."""

import pytest

from dashtam.bootstrap.seeds import catalogue, seed
from dashtam.models import Provider
from dashtam.providers.registry import list_profiles
from tests.support.makers.rows import make_provider

pytestmark = pytest.mark.usefixtures("transaction")


async def test_a_second_seeding_writes_nothing() -> None:
    assert await seed() == len(catalogue())
    assert await seed() == 0


async def test_an_edited_row_is_mended_and_keeps_its_key() -> None:
    await seed()
    before = await Provider.get(key="schwab")
    await Provider.filter(key="schwab").update(name="Something else")
    assert await seed() == 1
    after = await Provider.get(key="schwab")
    assert (after.id, after.name) == (before.id, before.name)


async def test_a_provider_that_is_not_in_the_catalogue_stays() -> None:
    stranger = await make_provider(key="bank_of_yesterday")
    await seed()
    assert await Provider.exists(id=stranger.id)


def test_whatever_has_an_adapter_is_in_the_catalogue_and_nothing_else_is_available() -> None:
    available = {provider.key for provider in catalogue() if provider.is_available}
    assert available == {profile.key for profile in list_profiles()} >= {"sandbox", "schwab"}


def test_keys_are_sorted_and_unique() -> None:
    keys = [provider.key for provider in catalogue()]
    assert keys == sorted(set(keys))
