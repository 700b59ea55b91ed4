"""What happened to whom, written once and never edited."""

from enum import StrEnum
from typing import Any

from tortoise import fields

from dashtam.models.base import Row


class Outcome(StrEnum):
    """How an audited action ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"


class AuditEntry(Row):
    """A fact of the past; the database itself refuses to change or remove it.

    The ids are plain columns: an entry outlives the connection and the user that it speaks of, and stands in
    the way of neither's removal.
    """

    actor = fields.CharField(max_length=128, description="user:<id>, system, or anonymous.")
    action = fields.CharField(max_length=64, description="Past tense, dotted: connection.activated.")
    outcome = fields.CharEnumField(Outcome, max_length=16, description="succeeded, failed or denied.")
    user_id = fields.UUIDField(null=True)
    connection_id = fields.UUIDField(null=True)
    provider_id = fields.UUIDField(null=True)
    ip = fields.CharField(max_length=45, null=True, description="IPv4 or IPv6, as text.")
    user_agent = fields.CharField(max_length=512, null=True)
    details = fields.JSONField[dict[str, Any]](
        default=dict, db_default={}, description="Never holds a secret."
    )

    class Meta:
        table = "provider_audit_logs"
        table_description = "Append-only: UPDATE, DELETE and TRUNCATE are refused by triggers."
        indexes = (("connection_id", "created_at"), ("user_id", "created_at"))
