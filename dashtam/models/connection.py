"""A user's link with a provider."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields

from dashtam.models.base import ChangingRow
from dashtam.models.provider import Provider
from dashtam.models.user import User


class ConnectionStatus(StrEnum):
    """The state of a connection."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    FAILED = "failed"


class ConnectionReason(StrEnum):
    """Why a connection has its status, if that is not obvious; the API adds advice for the user."""

    DENIED = "denied"
    """The user did not agree at the provider, or the attempt expired."""
    GRANT_REFUSED = "grant_refused"
    """The provider revoked the grant, or replaced it without our knowledge."""
    REFRESH_EXPIRED = "refresh_expired"
    """The refresh token expired."""
    ACCESS_EXPIRED = "access_expired"
    """The access token expired, and no refresh token was granted."""
    SCOPE_MISSING = "scope_missing"
    """The provider granted fewer scopes than we need."""
    CLIENT_REFUSED = "client_refused"
    """The provider does not know this installation: its settings are wrong. Only the operator can act."""
    PROVIDER_FAILING = "provider_failing"
    """The provider does not respond, or its responses are invalid; we keep trying."""
    UNREADABLE = "unreadable"
    """The stored grant cannot be decrypted."""
    DISCONNECTED = "disconnected"
    """The user ended it."""


class ProviderConnection(ChangingRow):
    """A user's link with a provider; the alias distinguishes several links with the same provider."""

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="connections", on_delete=fields.CASCADE
    )
    # A provider with connections cannot be removed from the catalogue.
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
