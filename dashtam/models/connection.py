"""One user's standing link with one provider."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields

from dashtam.models.base import ChangingRow
from dashtam.models.provider import Provider
from dashtam.models.user import User


class ConnectionStatus(StrEnum):
    """Where a connection stands."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    FAILED = "failed"


class ProviderConnection(ChangingRow):
    """One user's standing link with one provider; several with the same provider differ by alias."""

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="connections", on_delete=fields.CASCADE
    )
    # A provider with connections cannot leave the catalogue.
    provider: fields.ForeignKeyRelation[Provider] = fields.ForeignKeyField(
        "models.Provider", related_name="connections", on_delete=fields.RESTRICT, db_index=True
    )
    alias = fields.CharField(max_length=100)
    status = fields.CharEnumField(
        ConnectionStatus,
        max_length=16,
        description="Where it stands: pending, active, expired, revoked or failed.",
        default=ConnectionStatus.PENDING,
        db_default=ConnectionStatus.PENDING.value,
    )
    connected_at = fields.DatetimeField(null=True, description="First became active.")

    user_id: UUID
    provider_id: UUID

    class Meta:
        table = "provider_connections"
        table_description = "Standing links between users and providers."
        unique_together = (("user", "alias"),)
