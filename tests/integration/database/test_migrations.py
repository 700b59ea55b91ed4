"""Migrations are applied whole or not at all, and the database never runs ahead unnoticed."""

from pathlib import Path

import pytest
from aerich.models import Aerich
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.database.config import APP, MIGRATIONS
from dashtam.database.migrations import create, files, history, pending, upgrade
from dashtam.errors import DatabaseNotReady, InvalidRequest
from dashtam.settings import TestSettings

BROKEN = """
RUN_IN_TRANSACTION = True


async def upgrade(db):
    return "CREATE TABLE half_way (id int); ALTER TABLE users ADD COLUMN half int; SELECT 1 / 0;"


async def downgrade(db):
    return ""
"""


@pytest.fixture
def location(tmp_path: Path) -> Path:
    """The migrations of this checkout, in a folder where a test may add its own."""
    folder = tmp_path / APP
    folder.mkdir()
    for name in files():
        (folder / name).write_text((MIGRATIONS / APP / name).read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("transaction")
async def test_a_test_database_is_at_the_newest_migration() -> None:
    assert await pending() == []
    assert (await history()).head == files()[-1]


async def test_a_migration_that_fails_half_way_leaves_everything_as_it_was(
    transaction: BaseDBAsyncClient, settings: TestSettings, location: Path
) -> None:
    (location / APP / "1_20990101000000_broken.py").write_text(BROKEN, encoding="utf-8")
    before = await history()
    with pytest.raises(
        DatabaseNotReady, match=r"1_20990101000000_broken\.py failed and was rolled back.*division by zero"
    ):
        await upgrade(settings, location=location)
    assert await history() == before
    rows = await transaction.execute_query_dict(
        "SELECT to_regclass('half_way')::text AS half_way, "
        "(SELECT count(*) FROM information_schema.columns WHERE column_name = 'half') AS half"
    )
    assert [dict(row) for row in rows] == [{"half_way": None, "half": 0}]


@pytest.mark.usefixtures("transaction")
async def test_an_upgrade_with_nothing_pending_does_nothing(settings: TestSettings) -> None:
    assert await upgrade(settings) == []


@pytest.mark.usefixtures("transaction")
async def test_a_database_that_is_ahead_of_the_code_is_not_touched(settings: TestSettings) -> None:
    await Aerich.create(version="99_20990101000000_later.py", app=APP, content={})
    with pytest.raises(DatabaseNotReady, match=r"99_20990101000000_later\.py"):
        await pending()
    with pytest.raises(DatabaseNotReady, match="run the release that made them"):
        await upgrade(settings)


async def test_a_database_without_aeriches_table_has_everything_pending(
    transaction: BaseDBAsyncClient,
) -> None:
    await transaction.execute_script("ALTER TABLE aerich RENAME TO elsewhere")
    assert (await history()).pending == tuple(files())


@pytest.mark.usefixtures("transaction")
async def test_models_that_did_not_change_make_no_migration(settings: TestSettings) -> None:
    assert await create(settings, "nothing") is None


def test_an_installation_without_migrations_calls_no_database_up_to_date(tmp_path: Path) -> None:
    with pytest.raises(DatabaseNotReady, match="no migrations in"):
        files(tmp_path)


@pytest.mark.parametrize("name", ["", "Upper", "../escape", "a b", "1st"])
async def test_a_migration_needs_a_plain_name(settings: TestSettings, name: str) -> None:
    with pytest.raises(InvalidRequest, match="expected lower-case letters"):
        await create(settings, name)
