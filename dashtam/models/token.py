"""The sealed grants of providers."""

from uuid import UUID

from tortoise import fields

from dashtam.models.base import ChangingRow
from dashtam.models.connection import ProviderConnection


class ProviderToken(ChangingRow):
    """The sealed secrets of a grant: one row per connection, replaced in place; `version` counts replacements."""

    connection: fields.OneToOneRelation[ProviderConnection] = fields.OneToOneField(
        "models.ProviderConnection", related_name="token", on_delete=fields.CASCADE
    )
    access_token_sealed = fields.BinaryField()
    refresh_token_sealed = fields.BinaryField(null=True)
    key_id = fields.CharField(max_length=32, db_index=True, description="Which key seals both.")
    expires_at = fields.DatetimeField(null=True, description="Of the access token; null: never said.")
    refresh_expires_at = fields.DatetimeField(
        null=True, description="Of the refresh token; null: none, or never said."
    )
    scope = fields.TextField(default="", db_default="", description="Space-separated, as granted (RFC 6749).")
    version = fields.IntField(default=1, db_default=1)
    granted_at = fields.DatetimeField(
        null=True, description="When the request for it began, from which its expiry counts."
    )
    refresh_due_at = fields.DatetimeField(
        null=True, db_index=True, description="When the refresher looks at it next; null: never."
    )
    refresh_failures = fields.IntField(
        default=0, db_default=0, description="Failed attempts since the last success."
    )
    refresh_failure = fields.CharField(
        max_length=64, null=True, description="Why the last attempt failed; null: it did not."
    )
    warned_at = fields.DatetimeField(
        null=True, description="When the user was told that the refresh token ends."
    )

    connection_id: UUID

    class Meta:
        table = "provider_tokens"
        table_description = "Sealed grants; opening one is visible in the code and bound to its row."
