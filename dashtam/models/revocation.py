"""A token that still has to be revoked at its provider."""

from uuid import UUID

from tortoise import fields

from dashtam.models.base import ChangingRow
from dashtam.models.provider import Provider


class Revocation(ChangingRow):
    """The token of an ended connection, sealed for this row so that it is usable only for its revocation.

    The row outlives the connection and the user, because the token stays valid until the provider has revoked it.
    """

    provider: fields.ForeignKeyRelation[Provider] = fields.ForeignKeyField(
        "models.Provider", related_name="revocations", on_delete=fields.RESTRICT, db_index=True
    )
    user_id = fields.UUIDField(description="Whose connection it was; they may be gone.")
    connection_id = fields.UUIDField(description="Which connection it was; it may be gone.")
    token_sealed = fields.BinaryField()
    token_type_hint = fields.CharField(max_length=16, description="access_token or refresh_token (RFC 7009).")
    key_id = fields.CharField(max_length=32, db_index=True, description="Which key seals it.")
    attempts = fields.IntField(default=0, db_default=0)
    due_at = fields.DatetimeField(db_index=True, description="When the provider is told next.")
    expires_at = fields.DatetimeField(description="When we give up.")
    failure = fields.CharField(max_length=64, null=True, description="Why the last attempt failed.")

    provider_id: UUID

    class Meta:
        table = "revocations"
        table_description = "Tokens of ended connections, until their provider was told."
