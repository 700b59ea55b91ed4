"""A person who signs in."""

from enum import StrEnum

from tortoise import fields

from dashtam.models.base import ChangingRow


class Role(StrEnum):
    """What a user may do: docs/permissions.md says it route by route."""

    USER = "user"
    READ_ONLY = "read_only"
    ADMIN = "admin"


class User(ChangingRow):
    """A person who signs in; the address is stored in lower case and belongs to one user, who has proved it."""

    email = fields.CharField(max_length=254, unique=True)  # the longest address SMTP can carry (RFC 5321)
    password_hash = fields.TextField()
    role = fields.CharEnumField(
        Role, max_length=16, default=Role.USER, db_default=Role.USER.value, description="What they may do."
    )

    class Meta:
        table = "users"
        table_description = "People who sign in."
