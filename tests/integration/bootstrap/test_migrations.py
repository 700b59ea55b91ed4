"""Migrations are applied whole or not at all, and the database never runs ahead unnoticed."""

from pathlib import Path

import pytest
from aerich.models import Aerich
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.bootstrap.errors import DestructiveMigrations
from dashtam.bootstrap.migrations import create, files, history, is_empty, pending, upgrade
from dashtam.database.config import APP, MIGRATIONS
from dashtam.database.errors import DatabaseNotReady
from dashtam.disposable.reset import EMPTY
from dashtam.errors import InvalidRequest
from dashtam.settings.model import TestSettings
from tests.support.makers.rows import make_user

BROKEN = "CREATE TABLE half_way (id int); ALTER TABLE users ADD COLUMN half int; SELECT 1 / 0;"
FIRST, SECOND = "901_20990101000000_first.py", "902_20990101000000_second.py"
COLUMNS = """
SELECT column_name FROM information_schema.columns
 WHERE table_name = 'users' AND column_name IN ('half', 'email')
"""


@pytest.fixture
def location(tmp_path: Path) -> Path:
    """The migrations of this checkout, in a folder where a test may add its own."""
    folder = tmp_path / APP
    folder.mkdir()
    for name in files():
        (folder / name).write_text((MIGRATIONS / APP / name).read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def write(location: Path, name: str, sql: str, *, body: str = "return SQL") -> None:
    text = f"SQL = {sql!r}\n\n\nasync def upgrade(db):\n    {body}\n"
    (location / APP / name).write_text(text, encoding="utf-8")


async def columns(connection: BaseDBAsyncClient) -> set[str]:
    return {row["column_name"] for row in await connection.execute_query_dict(COLUMNS)}


@pytest.mark.usefixtures("transaction")
async def test_a_test_database_is_at_the_newest_migration() -> None:
    assert await pending() == []
    assert (await history()).head == files()[-1]


async def test_a_migration_that_fails_half_way_leaves_everything_as_it_was(
    transaction: BaseDBAsyncClient, settings: TestSettings, location: Path
) -> None:
    write(location, FIRST, BROKEN)
    before = await history()
    with pytest.raises(
        DatabaseNotReady, match=r"901_20990101000000_first\.py failed and was rolled back.*division by zero"
    ):
        await upgrade(settings, location=location, allow=[FIRST])
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
    await Aerich.create(version="999_20990101000000_later.py", app=APP, content={})
    with pytest.raises(DatabaseNotReady, match=r"999_20990101000000_later\.py"):
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


async def test_a_migration_that_may_hurt_is_applied_only_by_name_and_nothing_before_it_either(
    transaction: BaseDBAsyncClient, settings: TestSettings, location: Path
) -> None:
    await make_user()
    write(location, FIRST, "ALTER TABLE users ADD COLUMN half int")
    write(location, SECOND, "ALTER TABLE users DROP COLUMN email")
    with pytest.raises(
        DestructiveMigrations, match="drops a column: ALTER TABLE users DROP COLUMN email"
    ) as refused:
        await upgrade(settings, location=location)
    assert list(refused.value.migrations) == [SECOND]
    assert f"upgrade --allow {SECOND}" in str(refused.value)
    with pytest.raises(DestructiveMigrations):
        await upgrade(settings, location=location, allow=[FIRST])
    assert await columns(transaction) == {"email"}
    assert await upgrade(settings, location=location, allow=[SECOND]) == [FIRST, SECOND]
    assert await columns(transaction) == {"half"}


async def test_a_harmless_migration_needs_no_name(
    transaction: BaseDBAsyncClient, settings: TestSettings, location: Path
) -> None:
    await make_user()
    write(location, FIRST, "ALTER TABLE users ADD COLUMN half int")
    assert await upgrade(settings, location=location) == [FIRST]
    assert await columns(transaction) == {"email", "half"}


async def test_a_new_database_has_nothing_to_lose(
    transaction: BaseDBAsyncClient, settings: TestSettings, location: Path
) -> None:
    await transaction.execute_script(EMPTY)
    assert await is_empty()
    write(location, FIRST, "ALTER TABLE users DROP COLUMN email")
    assert await upgrade(settings, location=location) == [*files(), FIRST]
    assert await columns(transaction) == set()
    assert await is_empty()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO users (email, password_hash) VALUES ('a@example.com', 'x')",
        'CREATE SCHEMA elsewhere; CREATE TABLE elsewhere."a ""b" AS SELECT 1',
        "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE q PARTITION OF p DEFAULT; INSERT INTO p VALUES (1)",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "SELECT lo_create(0)",
    ],
)
async def test_whatever_holds_a_row_or_may_hide_one_is_not_empty(
    transaction: BaseDBAsyncClient, sql: str
) -> None:
    await transaction.execute_script(EMPTY + "CREATE TABLE users (email text, password_hash text);" + sql)
    assert not await is_empty()


async def test_what_only_running_it_would_tell_is_refused_and_not_run(
    transaction: BaseDBAsyncClient, settings: TestSettings, location: Path
) -> None:
    await make_user()
    write(
        location, FIRST, "ALTER TABLE users DROP COLUMN email", body="await db.execute_script(SQL); return ''"
    )
    with pytest.raises(DestructiveMigrations, match="only running it would tell"):
        await upgrade(settings, location=location)
    assert await columns(transaction) == {"email"}
    assert await upgrade(settings, location=location, allow=[FIRST]) == [FIRST]
    assert await columns(transaction) == set()


@pytest.mark.usefixtures("transaction")
async def test_only_a_migration_that_there_is_can_be_allowed(settings: TestSettings) -> None:
    with pytest.raises(InvalidRequest, match="there is no migration 7_drop"):
        await upgrade(settings, allow=["7_drop", files()[0]])


@pytest.mark.usefixtures("transaction")
async def test_a_migration_that_is_no_database_transaction_is_not_run(
    settings: TestSettings, location: Path
) -> None:
    write(location, FIRST, "CREATE TABLE half_way (id int)")
    with (location / APP / FIRST).open("a", encoding="utf-8") as file:
        file.write("RUN_IN_TRANSACTION = False")
    with pytest.raises(DatabaseNotReady, match="a migration is one database transaction"):
        await upgrade(settings, location=location)
    assert (await history(location=location)).pending == (FIRST,)


def test_a_migration_with_a_name_of_its_own_is_not_passed_over(location: Path) -> None:
    (location / APP / "1_drop.py").touch()
    with pytest.raises(DatabaseNotReady, match=r"1_drop\.py.*expected names like"):
        files(location)
