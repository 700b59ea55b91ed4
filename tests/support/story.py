"""A person who connected a bank, stored in the running environment: `python -m tests.support.story store | open`.

Runs inside the app component, with its settings; `open` prints the token that only this environment's keys can open.
"""

import asyncio
import sys

from pydantic import SecretStr

from dashtam.database.lifespan import connect
from dashtam.models import Provider, ProviderToken
from dashtam.security.cipher import Cipher
from dashtam.settings import Settings, load_settings
from tests.support.makers import make_audit_entry, make_connection, make_token, make_user

EMAIL = "ada@example.com"
ACCESS_TOKEN = "access-token-of-ada-ümläut"


async def store(settings: Settings) -> None:
    """Store a user, a connection with a provider of the catalogue, and the sealed token of it."""
    cipher = Cipher(settings.token_keys)
    user = await make_user(email=EMAIL)
    provider = await Provider.all().order_by("key").first()
    connection = await make_connection(user=user, provider=provider, alias="everyday account")
    token = await make_token(connection=connection, key_id=cipher.sealing_key_id)
    token.access_token_sealed = cipher.seal(SecretStr(ACCESS_TOKEN), context=token.access_context)
    await token.save()
    await make_audit_entry(details={"alias": "everyday account"})


async def reveal(settings: Settings) -> None:
    """Open the stored token with the keys of this environment, and print it."""
    token = await ProviderToken.get(connection__user__email=EMAIL)
    opened = Cipher(settings.token_keys).open(token.access_token_sealed, context=token.access_context)
    print(opened.get_secret_value())  # noqa: T201 - the point of it


async def main(act: str) -> None:
    settings = load_settings(Settings)
    async with connect(settings, process="story"):
        await {"store": store, "open": reveal}[act](settings)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
