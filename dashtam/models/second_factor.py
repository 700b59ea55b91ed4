"""The second factors of users, beside the password."""

from uuid import UUID

from tortoise import fields

from dashtam.models.base import ChangingRow, Row
from dashtam.models.user import User


class SecondFactor(ChangingRow):
    """An authenticator app (TOTP, RFC 6238); its secret is sealed and bound to this row."""

    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="second_factor", on_delete=fields.CASCADE
    )
    secret_sealed = fields.BinaryField()
    key_id = fields.CharField(max_length=32, db_index=True, description="Which key seals it.")
    confirmed_at = fields.DatetimeField(null=True, description="From then on it is asked for.")
    last_step = fields.BigIntField(null=True, description="Half minutes since 1970; never taken again.")

    user_id: UUID

    class Meta:
        table = "second_factors"
        table_description = "Authenticator apps of users, one each."


class RecoveryCode(Row):
    """A code that replaces the authenticator app once; the statement that uses a code also deletes its row."""

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="recovery_codes", on_delete=fields.CASCADE, db_index=True
    )
    code_hash = fields.CharField(max_length=64, unique=True, description="SHA-256, in hexadecimal.")

    user_id: UUID

    class Meta:
        table = "recovery_codes"
        table_description = "Codes for users who lost their authenticator app, used once."
