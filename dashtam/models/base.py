"""What every row has: a key that sorts by age, and when it was made and last changed."""

from tortoise import fields
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.models import Model
from uuid_utils.compat import uuid7


class Row(Model):
    """A row with a UUIDv7 key (RFC 9562, section 5.7); the database makes one where nobody brings it."""

    id = fields.UUIDField(primary_key=True, default=uuid7, db_default=SqlDefault("uuidv7()"))
    created_at = fields.DatetimeField(auto_now_add=True, db_default=Now())

    class Meta:
        abstract = True


class ChangingRow(Row):
    """A row that is edited; a trigger moves `updated_at` where an UPDATE leaves it as it was."""

    updated_at = fields.DatetimeField(auto_now=True, db_default=Now())

    class Meta:
        abstract = True
