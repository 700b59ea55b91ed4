"""The catalogue of providers that every database holds."""

from typing import Final

from dashtam.models import Authorization, Provider
from dashtam.providers.registry import list_profiles

_FIELDS: Final = ("name", "description", "website", "authorization", "is_available")


# Key, name, how it lets us in, website, description, of those that no release can connect to yet. What has an adapter
# stands in its profile, dashtam/providers/<key>/adapter.py.
_ROWS: Final = (
    (
        "gocardless",
        "GoCardless Bank Account Data",
        Authorization.HOSTED_LINK,
        "https://gocardless.com/bank-account-data",
        "European banks under PSD2; consent is renewed every 90 days.",
    ),
    (
        "plaid",
        "Plaid",
        Authorization.HOSTED_LINK,
        "https://plaid.com",
        "Aggregator of North American and European institutions.",
    ),
)


def catalogue() -> list[Provider]:
    """Build the rows of the catalogue, in the order of their keys."""
    rows = [
        Provider(key=key, name=name, authorization=authorization, website=website, description=description)
        for key, name, authorization, website, description in _ROWS
    ]
    rows += [
        Provider(
            key=profile.key,
            name=profile.name,
            authorization=profile.authorization,
            website=profile.website,
            description=profile.description,
            is_available=True,
        )
        for profile in list_profiles()
    ]
    return sorted(rows, key=lambda row: row.key)


async def seed() -> int:
    """Bring the catalogue up to date and answer how many rows were written.

    Several processes may do so at once. A provider that left the catalogue stays in the table: connections may
    point to it.
    """
    stored = {provider.key: provider for provider in await Provider.all()}
    changed = [row for row in catalogue() if row.key not in stored or _differs(row, stored[row.key])]
    if changed:
        await Provider.bulk_create(changed, on_conflict=["key"], update_fields=_FIELDS)
    return len(changed)


def _differs(row: Provider, stored: Provider) -> bool:
    return any(getattr(row, field) != getattr(stored, field) for field in _FIELDS)
