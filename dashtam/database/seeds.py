"""The catalogue of providers that every database holds."""

from typing import Final

from dashtam.models import Authorization, Provider

_FIELDS: Final = ("name", "description", "website", "authorization", "is_available")


# Key, name, how it lets us in, website, description. None is available yet: a provider becomes available in the
# release that ships its adapter.
_ROWS: Final = (
    (
        "alpaca",
        "Alpaca",
        Authorization.OAUTH2,
        "https://alpaca.markets",
        "Brokerage accounts, positions and orders, live and paper.",
    ),
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
    (
        "sandbox",
        "Sandbox",
        Authorization.OAUTH2,
        "https://example.com",
        "An invented institution for development and demonstrations; holds nobody's money.",
    ),
    (
        "schwab",
        "Charles Schwab",
        Authorization.OAUTH2,
        "https://www.schwab.com",
        "Brokerage accounts; the refresh token lives seven days from the sign-in.",
    ),
    (
        "simplefin",
        "SimpleFIN",
        Authorization.CLAIM_TOKEN,
        "https://www.simplefin.org",
        "Read-only bridge to many institutions; a setup token is claimed once.",
    ),
)


def catalogue() -> list[Provider]:
    """Build the rows of the catalogue, in the order of their keys."""
    return [
        Provider(key=key, name=name, authorization=authorization, website=website, description=description)
        for key, name, authorization, website, description in _ROWS
    ]


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
