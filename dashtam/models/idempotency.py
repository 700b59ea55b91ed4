"""The stored responses to requests that must not be executed twice."""

from tortoise import fields

from dashtam.models.base import Row
from dashtam.models.user import User


class StoredAnswer(Row):
    """The response to a request with an Idempotency-Key, written in the same database transaction as its effects."""

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="stored_answers", on_delete=fields.CASCADE
    )
    route = fields.CharField(max_length=128, description="The endpoint that answered.")
    key_hash = fields.CharField(max_length=64, description="SHA-256 of the key, in hexadecimal digits.")
    answer_sealed = fields.BinaryField(description="Request fingerprint, status, headers and body.")
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "stored_answers"
        table_description = "Answers to requests with an Idempotency-Key; kept for a day."
        unique_together = (("user_id", "route", "key_hash"),)
