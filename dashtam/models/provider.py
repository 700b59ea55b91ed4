"""An institution in the catalogue."""

from enum import StrEnum

from tortoise import fields

from dashtam.models.base import ChangingRow


class Authorization(StrEnum):
    """How a provider grants access."""

    OAUTH2 = "oauth2"
    HOSTED_LINK = "hosted_link"
    CLAIM_TOKEN = "claim_token"  # noqa: S105  # the name of a method, not a secret
    NONE = "none"


class Provider(ChangingRow):
    """An entry of the catalogue: an institution, or an aggregator of institutions, under a stable key."""

    key = fields.CharField(max_length=64, unique=True)
    name = fields.CharField(max_length=128)
    description = fields.TextField()
    website = fields.CharField(max_length=255)
    authorization = fields.CharEnumField(Authorization, max_length=16, description="How it lets us in.")
    is_available = fields.BooleanField(
        default=False, db_default=False, description="Whether this release can connect to it."
    )

    class Meta:
        table = "providers"
        table_description = "The catalogue of providers; seeded, never edited by users."
