"""Both roads to the schema, Aerich's migrations and `generate_schemas`, lead to the same place."""

from types import ModuleType

import pytest
from aerich.utils import file_module_info, import_py_module
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.bootstrap.analysis import analyze
from dashtam.bootstrap.migrations import files
from dashtam.database import rules
from dashtam.database.config import APP, MIGRATIONS
from dashtam.disposable.reset import EMPTY, build_schema
from dashtam.settings.model import TestSettings
from tests.support.servers.catalogue import read_catalogue


def load(name: str) -> ModuleType:
    return import_py_module(file_module_info(MIGRATIONS / APP, name.removesuffix(".py")))


async def test_migrations_and_models_make_the_same_catalogue(
    transaction: BaseDBAsyncClient, settings: TestSettings
) -> None:
    await transaction.execute_script(EMPTY + await build_schema(settings))
    generated = await read_catalogue(transaction)
    await transaction.execute_script(EMPTY)
    for name in files():
        await transaction.execute_script(await load(name).upgrade(transaction))
    migrated = await read_catalogue(transaction)
    assert migrated == generated
    assert len(generated["relations"]) > len(generated["triggers"]) > 0


async def test_users_from_before_there_were_roles_stay_as_they_are(transaction: BaseDBAsyncClient) -> None:
    before, after = [name for name in files() if name < "2_"], [name for name in files() if name >= "2_"]
    assert not any(migration.harms for migration in analyze(after[:1], MIGRATIONS / APP))
    await transaction.execute_script(EMPTY)
    for name in before:
        await transaction.execute_script(await load(name).upgrade(transaction))
    await transaction.execute_script(
        "INSERT INTO users (email, password_hash) VALUES ('ada@example.com', 'x')"
    )
    stored = await transaction.execute_query_dict("SELECT * FROM users")
    await transaction.execute_script(await load(after[0]).upgrade(transaction))
    # Spelt in another way: the plan of the first query went with the old table.
    kept = await transaction.execute_query_dict("SELECT users.* FROM users")
    assert kept == [{**stored[0], "role": "user"}]


async def test_emptying_leaves_nothing_behind(transaction: BaseDBAsyncClient) -> None:
    await transaction.execute_script(
        "CREATE SCHEMA stray; CREATE TABLE stray.t (id int);"
        "CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN whole AS int; CREATE TYPE pair AS (a int, b int);"
        "CREATE SEQUENCE numbers; CREATE VIEW people AS SELECT * FROM users;"
        "CREATE MATERIALIZED VIEW frozen AS SELECT * FROM people;"
        "CREATE TABLE parts (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parts DEFAULT;"
        "CREATE FUNCTION f(a mood, b text[]) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';"
        'CREATE TABLE "Odd ""name""" (id int);'
    )
    await transaction.execute_script(EMPTY)
    assert {kind: found for kind, found in (await read_catalogue(transaction)).items() if found} == {}
    assert await transaction.execute_query_dict("SELECT FROM pg_namespace WHERE nspname = 'stray'") == []


async def test_emptying_leaves_extensions_to_the_superuser_who_made_them(
    transaction: BaseDBAsyncClient,
) -> None:
    await transaction.execute_script("CREATE EXTENSION citext; CREATE TABLE stray (name citext);")
    await transaction.execute_script(EMPTY)
    rows = await transaction.execute_query_dict("SELECT extname FROM pg_extension WHERE extname = 'citext'")
    assert len(rows) == 1


@pytest.mark.parametrize("name", files())
def test_a_migration_is_one_database_transaction(name: str) -> None:
    assert load(name).RUN_IN_TRANSACTION is True


def test_migrations_are_numbered_without_gaps() -> None:
    assert [int(name.partition("_")[0]) for name in files()] == list(range(len(files())))


def test_every_step_of_the_rules_is_run_by_one_migration() -> None:
    steps = sorted(name for name in vars(rules) if name.startswith("STEP_"))
    text = "".join((MIGRATIONS / APP / name).read_text(encoding="utf-8") for name in files())
    assert [text.count(f"rules.{step}") for step in steps] == [1] * len(steps)
    assert "".join(getattr(rules, step) for step in steps) == rules.ALL
