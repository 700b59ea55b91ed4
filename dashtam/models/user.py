"""A person who signs in."""

from enum import StrEnum

from tortoise import fields

from dashtam.models.base import ChangingRow


class Role(StrEnum):
    """The permissions of a user; docs/permissions.md lists them route by route."""

    USER = "user"
    READ_ONLY = "read_only"
    ADMIN = "admin"


class User(ChangingRow):
    """A person who can sign in; the verified address is stored in lower case and belongs to only one user."""

    email = fields.CharField(max_length=254, unique=True)  # the longest address SMTP can carry (RFC 5321)
    password_hash = fields.TextField()
    role = fields.CharEnumField(
        Role, max_length=16, default=Role.USER, db_default=Role.USER.value, description="What they may do."
    )

    class Meta:
        table = "users"
        table_description = "People who sign in."
