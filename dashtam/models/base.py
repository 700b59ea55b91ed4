"""The columns of every row: a key that sorts by age, and the instants of creation and last change."""

from tortoise import fields
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.models import Model
from uuid_utils.compat import uuid7


class Row(Model):
    """A row with a UUIDv7 key (RFC 9562, section 5.7); the database generates the key if an INSERT omits it."""

    id = fields.UUIDField(primary_key=True, default=uuid7, db_default=SqlDefault("uuidv7()"))
    created_at = fields.DatetimeField(auto_now_add=True, db_default=Now())

    class Meta:
        abstract = True


class ChangingRow(Row):
    """A row that can be edited; a trigger sets `updated_at` if an UPDATE does not."""

    updated_at = fields.DatetimeField(auto_now=True, db_default=Now())

    class Meta:
        abstract = True
