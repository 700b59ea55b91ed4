"""The audit trail: entries that are written once and never edited, and the end of their chain."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from dashtam.models.base import Row


class Outcome(StrEnum):
    """How an audited action ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"


class AuditEntry(Row):
    """An audited action; the database itself refuses to change or remove it.

    The ids are plain columns, so that an entry outlives its connection and user without preventing their removal. Only
    entries that are older than the chain have a null `sequence` and `hash`.
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
    sequence = fields.BigIntField(null=True, unique=True, description="Place in the chain, from 1.")
    hash = fields.BinaryField(
        null=True, description="SHA-256 of the hash before it and of all other columns."
    )

    class Meta:
        table = "provider_audit_logs"
        table_description = "Append-only: UPDATE, DELETE and TRUNCATE are refused by triggers."
        indexes = (("connection_id", "created_at"), ("user_id", "created_at"))


class AuditHead(Model):
    """The end of the chain of audit entries: one row, which is locked to add an entry, and never decreases."""

    id = fields.SmallIntField(primary_key=True, generated=False, default=1)
    sequence = fields.BigIntField(description="How many entries the chain has.")
    hash = fields.BinaryField(description="The hash of the last of them.")
    key_id = fields.CharField(max_length=32, description="Which key seals it.")
    seal = fields.BinaryField(
        description="HMAC over sequence and hash, with a key that is not in the database."
    )

    class Meta:
        table = "audit_heads"
        table_description = "The sealed end of the chain in provider_audit_logs."
