"""The SQL of a migration is read from its file, and where only running it would tell, that is said."""

import asyncio

import pytest

from dashtam.bootstrap.migrations import files
from dashtam.bootstrap.preview import NotReadable, read_upgrade
from dashtam.database import rules
from dashtam.database.config import APP, MIGRATIONS

WRITTEN_BY_AERICH = '''
from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "users" DROP COLUMN "email";"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """"""


MODELS_STATE = ("eJz" "tXO")
'''


def migration(body: str, *, before: str = "", head: str = "async def upgrade(db):") -> str:
    return f"{before}\n{head}\n    {body}\n"


@pytest.mark.parametrize("name", files())
async def test_every_migration_is_read_as_it_runs(name: str) -> None:
    source = (MIGRATIONS / APP / name).read_text(encoding="utf-8")
    namespace: dict[str, object] = {}
    exec(compile(source, name, "exec"), namespace)
    upgrade = namespace["upgrade"]
    assert asyncio.iscoroutinefunction(upgrade)
    assert read_upgrade(source) == await upgrade(None)


def test_what_aerich_writes_is_read() -> None:
    assert read_upgrade(WRITTEN_BY_AERICH).strip() == 'ALTER TABLE "users" DROP COLUMN "email";'


@pytest.mark.parametrize(
    ("source", "sql"),
    [
        (migration("return 'a' + 'b'"), "ab"),
        (migration("return (X + f'{X}-b')", before="X: str = 'a' 'c'"), "acac-b"),
        (
            migration("return rules.STEP_0 + 'x'", before="from dashtam.database import rules"),
            rules.STEP_0 + "x",
        ),
        (migration('"""What it does."""\n    return "a"', before='"""And why."""'), "a"),
    ],
)
def test_texts_and_steps_of_the_rules_are_added_up(source: str, sql: str) -> None:
    assert read_upgrade(source) == sql


@pytest.mark.parametrize(
    "source",
    [
        "",
        "this is no Python",
        "\0",
        migration("return sql()"),
        migration("return sql"),
        migration("return None"),
        migration("return True"),
        migration("return"),
        migration("return db"),
        migration("return db", before="db = 'a'"),
        migration("return '%s' % 'a'"),
        migration("return f'{1 + 1}'"),
        migration("return f'{X:>9}'", before="X = 'a'"),
        migration("await db.execute_script('a')\n    return ''"),
        migration("return 'a' + await db.fetch('b')"),
        migration("return rules.STEP_0"),
        migration("return rules.Final", before="from dashtam.database import rules"),
        migration("return rules.STEP_0", before="from dashtam.database import rules as other"),
        migration("return rules.STEP_0", before="from dashtam.database import seeds as rules"),
        migration("return rules.STEP_0", before="from dashtam.database import rules\nrules = 'a'"),
        migration("return 'a'", before="import os"),
        migration("return 'a'", before="from dashtam.bootstrap.migrations import upgrade"),
        migration("return 'a'", before="print('a')"),
        migration("return 'a'", before="X = print('a')"),
        migration("return 'a'", before="X = [print('a')]"),
        migration("return 'a'", before="X = Y = 'a'"),
        migration("return X", before="X = 'a'\nX += 'b'"),
        migration("return X", before="X = 'a'\nX = 'b'"),
        migration("return 'a'", before="@wrap"),
        migration("return 'a'", head="def upgrade(db):"),
        migration("return 'a'", head="async def upgrade(db, more=print('a')):"),
        migration("return 'a'", head="async def upgrade(db: print('a')):"),
        migration("return 'a'", head="async def upgrade(db) -> print('a'):"),
        migration("return 'a'", head="async def upgrade():"),
        migration("return 'a'") + migration("return 'b'"),
        migration("return 'a'") + "upgrade = other",
        migration("return 'a'") + "del upgrade",
        migration("return 'a'") + "if True:\n    upgrade = other",
        migration("return 'a'") + "class upgrade: pass",
        migration("return 'a'") + migration("return 'b'", head="async def downgrade(db=print('a')):"),
    ],
)
def test_what_only_running_it_would_tell_is_not_guessed(source: str) -> None:
    with pytest.raises(NotReadable):
        read_upgrade(source)
