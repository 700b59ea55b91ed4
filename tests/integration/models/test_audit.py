"""The audit trail keeps what was written, whoever asks for something else."""

import pytest
from tortoise.exceptions import BaseORMException
from tortoise.transactions import in_transaction

from dashtam.models import AuditEntry
from tests.support.makers import make_audit_entry

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
