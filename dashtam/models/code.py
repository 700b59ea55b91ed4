"""A single-use code that was sent to an e-mail address."""

from enum import StrEnum

from tortoise import fields

from dashtam.models.base import Row


class CodePurpose(StrEnum):
    """The action that a code permits."""

    REGISTRATION = "registration"
    PASSWORD_RESET = "password_reset"  # noqa: S105  # a purpose, not a secret


class OneTimeCode(Row):
    """Proves access to a mailbox; the statement that uses a code also deletes its row.

    Every e-mail has a code, whether its address has a user or not, so that both cases look the same from outside.
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
