"""Expires the access token of a connection: `python -m tests.support.people.aging CONNECTION_ID`."""

import asyncio
import sys
from datetime import UTC, datetime
from uuid import UUID

from dashtam.database.lifespan import connect
from dashtam.models import ProviderToken
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings


async def age(connection_id: UUID) -> None:
    """Set the expiry of the access token to now, without any notification."""
    async with connect(load_settings(Settings), process="aging"):
        aged = await ProviderToken.filter(connection_id=connection_id).update(expires_at=datetime.now(UTC))
    if not aged:
        raise SystemExit(f"no token is stored for {connection_id}")


if __name__ == "__main__":
    asyncio.run(age(UUID(sys.argv[1])))
