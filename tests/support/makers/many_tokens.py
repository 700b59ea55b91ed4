"""Stores many sealed tokens of one user with one provider."""

from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from dashtam.sealing.columns import ACCESS_TOKEN, REFRESH_TOKEN
from dashtam.sealing.keys import Keys
from tests.support.makers.earlier_values import seal_earlier

_CONNECTIONS = ("id", "user_id", "provider_id", "alias", "status", "connected_at")
_TOKENS = ("id", "connection_id", "access_token_sealed", "refresh_token_sealed", "key_id")
_BATCH = 5_000


async def store_tokens(
    session: asyncpg.Connection,
    keys: Keys,
    count: int,
    *,
    user_id: UUID,
    provider_id: UUID,
    begin: str = "token",
) -> None:
    """Store connections and tokens; the access token of number 7 is `token-7`, its refresh token `refresh-7`."""
    for first in range(0, count, _BATCH):
        connections, tokens = [], []
        for number in range(first, min(first + _BATCH, count)):
            connection_id, token_id = uuid7(), uuid7()
            alias = f"{begin} {number}"
            connections.append((connection_id, user_id, provider_id, alias, "active", datetime.now(UTC)))
            access_place = ACCESS_TOKEN.context(token_id, user_id, 1)
            refresh_place = REFRESH_TOKEN.context(token_id, user_id, 1)
            access = await keys.seal(SecretStr(f"{begin}-{number}"), context=access_place)
            refresh = await keys.seal(SecretStr(f"refresh-{number}"), context=refresh_place)
            tokens.append((token_id, connection_id, access.value, refresh.value, access.key_id))
        await session.copy_records_to_table("provider_connections", records=connections, columns=_CONNECTIONS)
        await session.copy_records_to_table("provider_tokens", records=tokens, columns=_TOKENS)


async def store_earlier_token(
    session: asyncpg.Connection, *, user_id: UUID, provider_id: UUID, key_id: str, key: bytes, secret: str
) -> None:
    """Store a connection and its token like a release before data keys."""
    connection_id, token_id = uuid7(), uuid7()
    connection = (connection_id, user_id, provider_id, f"earlier {secret}", "active", datetime.now(UTC))
    sealed = seal_earlier(secret, key_id=key_id, key=key, place=f"provider_token:{token_id}:access")
    await session.copy_records_to_table("provider_connections", records=[connection], columns=_CONNECTIONS)
    token = (token_id, connection_id, sealed, None, key_id)
    await session.copy_records_to_table("provider_tokens", records=[token], columns=_TOKENS)
