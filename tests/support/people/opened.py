"""Prints the decrypted tokens of this environment as JSON: `python -m tests.support.people.opened`."""

import asyncio
import json

from dashtam.audit.trail import AuditTrail
from dashtam.database.lifespan import connect
from dashtam.models import ProviderToken
from dashtam.sealing.keys import Keys
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings
from dashtam.tokens.store import find_stored, open_stored


async def list_tokens(settings: Settings) -> list[str]:
    """Return every access and refresh token, decrypted with the keys of this environment."""
    keys = Keys(
        settings.token_keys, environment=settings.ENVIRONMENT.value, trail=AuditTrail(settings.token_keys)
    )
    found = []
    for token in await ProviderToken.all():
        grant = await open_stored(await find_stored(token.connection_id), keys)
        found += [secret for secret in (grant.access_token, grant.refresh_token) if secret is not None]
    return [secret.get_secret_value() for secret in found]


async def main() -> None:
    settings = load_settings(Settings)
    async with connect(settings, process="opened"):
        print(json.dumps(await list_tokens(settings)))  # noqa: T201 - the point of it


if __name__ == "__main__":
    asyncio.run(main())
