"""The database keeps audit entries unchanged."""

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import BaseORMException
from tortoise.transactions import in_transaction

from dashtam.models import AuditEntry
from tests.support.makers.rows import make_audit_entry

pytestmark = pytest.mark.usefixtures("transaction")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE provider_audit_logs SET actor = 'nobody'",
        "UPDATE provider_audit_logs SET actor = 'nobody' WHERE false",
        "DELETE FROM provider_audit_logs",
        "TRUNCATE provider_audit_logs",
        "TRUNCATE provider_audit_logs, users CASCADE",
    ],
)
async def test_the_database_refuses_to_change_or_remove_an_entry(statement: str) -> None:
    entry = await make_audit_entry()
    with pytest.raises(BaseORMException, match="append-only"):
        async with in_transaction() as connection:
            await connection.execute_script(statement)
    assert await AuditEntry.get(id=entry.id) == entry


async def test_the_refusal_cannot_be_silenced_by_a_replication_role(transaction: BaseDBAsyncClient) -> None:
    """`session_replication_role = replica` disables every trigger that is not marked ALWAYS."""
    rows = await transaction.execute_query_dict(
        "SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'provider_audit_logs_append_only'"
    )
    assert [row["tgenabled"] for row in rows] == ["A"]
