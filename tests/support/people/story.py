"""Stores a user with a connected bank in this environment: `python -m tests.support.people.story store|open`.

It runs in the app component, with its settings. `open` prints the token, which only this environment's keys can open.
"""

import asyncio
import sys

from pydantic import SecretStr

from dashtam.audit.trail import SYSTEM, AuditTrail
from dashtam.database.lifespan import connect
from dashtam.models import Outcome, Provider, ProviderToken
from dashtam.sealing import columns
from dashtam.sealing.keys import Keys
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings
from tests.support.makers.rows import make_connection, make_token, make_user

EMAIL = "ada@example.com"
ACCESS_TOKEN = "access-token-of-ada-ümläut"


async def store(settings: Settings) -> None:
    """Store a user, a connection with a provider of the catalogue, and its sealed token."""
    trail = AuditTrail(settings.token_keys)
    keys = _keys(settings, trail)
    user = await make_user(email=EMAIL)
    provider = await Provider.all().order_by("key").first()
    connection = await make_connection(user=user, provider=provider, alias="everyday account")
    token = await make_token(connection=connection)
    place = columns.ACCESS_TOKEN.context(token.id, user.id, token.version)
    token.access_token_sealed, token.key_id = await keys.seal(SecretStr(ACCESS_TOKEN), context=place)
    await token.save()
    await trail.record(
        "connection.activated", Outcome.SUCCEEDED, actor=SYSTEM, details={"alias": "everyday account"}
    )


async def reveal(settings: Settings) -> None:
    """Open the stored token with the keys of this environment, and print it."""
    token = await ProviderToken.get(connection__user__email=EMAIL).select_related("connection")
    place = columns.ACCESS_TOKEN.context(token.id, token.connection.user_id, token.version)
    keys = _keys(settings, AuditTrail(settings.token_keys))
    opened = await keys.open(token.access_token_sealed, context=place)
    print(opened.get_secret_value())  # noqa: T201 - the point of it


def _keys(settings: Settings, trail: AuditTrail) -> Keys:
    return Keys(settings.token_keys, environment=settings.ENVIRONMENT.value, trail=trail)


async def main(act: str) -> None:
    settings = load_settings(Settings)
    async with connect(settings, process="story"):
        await {"store": store, "open": reveal}[act](settings)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
