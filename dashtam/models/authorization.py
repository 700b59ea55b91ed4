"""A user's attempt to authorize Dashtam at a provider."""

from uuid import UUID

from tortoise import fields

from dashtam.models.base import Row
from dashtam.models.connection import ProviderConnection
from dashtam.models.session import UserSession
from dashtam.models.user import User


class AuthorizationRequest(Row):
    """A single-use attempt of ten minutes: begun by a user, opened by one browser, ended by the provider's redirect.

    The statement that reads the row for a redirect also deletes it. Secrets are stored as hashes, except for the
    verifier (PKCE, RFC 7636), which must be sent to the provider and is sealed.
    """

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="authorization_requests", on_delete=fields.CASCADE, db_index=True
    )
    connection: fields.ForeignKeyRelation[ProviderConnection] = fields.ForeignKeyField(
        "models.ProviderConnection",
        related_name="authorization_requests",
        on_delete=fields.CASCADE,
        db_index=True,
    )
    # Signing out deletes the session and every attempt that began in it.
    session: fields.ForeignKeyNullableRelation[UserSession] = fields.ForeignKeyField(
        "models.UserSession",
        related_name="authorization_requests",
        on_delete=fields.CASCADE,
        db_index=True,
        null=True,
        description="Where it began; null: the operator's shell.",
    )
    ticket_hash = fields.CharField(
        max_length=64, unique=True, description="SHA-256 of what the link to open carries, in hexadecimal."
    )
    browser_hash = fields.CharField(
        max_length=64, null=True, description="SHA-256 of the cookie of the browser that opened it."
    )
    state_hash = fields.CharField(
        max_length=64, unique=True, null=True, description="SHA-256 of the state (RFC 6749, 10.12)."
    )
    verifier_sealed = fields.BinaryField(null=True, description="The PKCE verifier.")
    key_id = fields.CharField(max_length=32, null=True, db_index=True, description="Which key seals it.")
    return_path = fields.CharField(max_length=200, default="", db_default="")
    expires_at = fields.DatetimeField(db_index=True)

    user_id: UUID
    connection_id: UUID
    session_id: UUID | None

    class Meta:
        table = "authorization_requests"
        table_description = "Attempts to be let in by a provider: single use, ten minutes."
