"""A code that was sent to an address, to be brought back once."""

from enum import StrEnum

from tortoise import fields

from dashtam.models.base import Row


class CodePurpose(StrEnum):
    """What a code is good for."""

    REGISTRATION = "registration"
    PASSWORD_RESET = "password_reset"  # noqa: S105  # a purpose, not a secret


class OneTimeCode(Row):
    """Proves that somebody reads the mail of an address; whoever uses it deletes the row in the same statement.

    There is one for every letter, whether the address has a user or not, so that nobody sees the difference.
    """

    purpose = fields.CharEnumField(CodePurpose, max_length=16, description="registration or password_reset.")
    email = fields.CharField(max_length=254)
    code_hash = fields.CharField(max_length=64, unique=True, description="SHA-256, in hexadecimal.")
    password_hash = fields.TextField(null=True, description="What the user to be made shall sign in with.")
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "one_time_codes"
        table_description = "Codes that were sent by mail: hashed, expiring, used once."
        indexes = (("email", "purpose"),)
