"""A person who signs in."""

from tortoise import fields

from dashtam.models.base import ChangingRow


class User(ChangingRow):
    """A person who signs in; the address is stored in lower case and belongs to one user."""

    email = fields.CharField(max_length=254, unique=True)  # the longest address SMTP can carry (RFC 5321)
    password_hash = fields.TextField()

    class Meta:
        table = "users"
        table_description = "People who sign in."
