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


class ConnectionReason(StrEnum):
    """Why a connection stands where it stands, where that needs a word; the API says what the user can do."""

    DENIED = "denied"
    """The user said no at the provider, or let the time run out."""
    GRANT_REFUSED = "grant_refused"
    """The provider took the grant back, or replaced it behind our back."""
    REFRESH_EXPIRED = "refresh_expired"
    """The time of the refresh token ran out."""
    ACCESS_EXPIRED = "access_expired"
    """The time of the access token ran out, and nothing came with it to get another."""
    SCOPE_MISSING = "scope_missing"
    """The provider granted less than we need."""
    CLIENT_REFUSED = "client_refused"
    """The provider does not know this installation: its settings are wrong. The user can do nothing."""
    PROVIDER_FAILING = "provider_failing"
    """The provider does not answer, or answers nonsense; we keep trying."""
    UNREADABLE = "unreadable"
    """What is stored does not open."""
    DISCONNECTED = "disconnected"
    """The user ended it."""


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
    reason = fields.CharEnumField(
        ConnectionReason,
        max_length=32,
        null=True,
        description="Why it stands there, where that needs a word.",
    )
    connected_at = fields.DatetimeField(null=True, description="First became active.")

    user_id: UUID
    provider_id: UUID

    class Meta:
        table = "provider_connections"
        table_description = "Standing links between users and providers."
        unique_together = (("user", "alias"),)
