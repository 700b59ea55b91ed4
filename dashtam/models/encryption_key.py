"""The data keys that seal secrets."""

from enum import StrEnum

from tortoise import fields
from tortoise.fields.db_defaults import Now
from tortoise.models import Model


class KeyState(StrEnum):
    """The use of a data key: sealing and opening, only opening, or neither."""

    ACTIVE = "active"
    DECRYPT = "decrypt"
    RETIRED = "retired"


class EncryptionKey(Model):
    """A data key, wrapped by a key of TOKEN_ENCRYPTION_KEYS; one key is active and seals, the others only open.

    A retired key no longer opens anything; its row stays, so that its id is never used again.
    """

    id = fields.CharField(max_length=32, primary_key=True)
    wrapped = fields.BinaryField(null=True, description="The key, sealed; null: retired.")
    wrapping_key_id = fields.CharField(max_length=32, description="Which key of the settings wraps it.")
    state = fields.CharEnumField(KeyState, max_length=16, description="active, decrypt or retired.")
    created_at = fields.DatetimeField(auto_now_add=True, db_default=Now())
    promoted_at = fields.DatetimeField(null=True, description="When it began to seal.")
    retired_at = fields.DatetimeField(null=True)

    class Meta:
        table = "encryption_keys"
        table_description = "Wrapped data keys; exactly one is active."
