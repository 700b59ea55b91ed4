"""A token that a provider still has to be told to forget."""

from uuid import UUID

from tortoise import fields

from dashtam.models.base import ChangingRow
from dashtam.models.provider import Provider


class Revocation(ChangingRow):
    """What is left of a connection that its user ended: sealed anew for this row, and of no use for anything else.

    It outlives the connection and the user, since the provider believes in the token until it was told.
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
