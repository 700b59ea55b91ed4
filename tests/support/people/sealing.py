"""Processes that work with sealed tokens: `python -m tests.support.people.sealing first|fill N|earlier S|read|...`.

`first` seals a value and prints the id of the key. `undone` does the same in a database transaction that is rolled
back, and then once more. `fill` stores N tokens, `earlier` stores one of layout v1, and `read` opens all tokens.
`refresh SHARE OF` replaces a share of the tokens repeatedly until its standard input ends. It reads each token before,
and ends with 1 if one is not what it wrote. `read` and `refresh` print connection to access token as JSON. `lag`
replaces one token when its standard input ends, with the key that was active when it began.
"""

import asyncio
import contextlib
import json
import sys
from itertools import count
from typing import Final
from uuid import UUID

from pydantic import SecretStr

from dashtam.audit.trail import AuditTrail
from dashtam.database.lifespan import connect, open_session
from dashtam.models import Provider, ProviderConnection, ProviderToken, User
from dashtam.providers.base import TokenGrant
from dashtam.sealing.columns import ACCESS_TOKEN
from dashtam.sealing.keys import Keys
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings
from dashtam.tokens.store import open_grant, store_grant
from tests.support.makers.many_tokens import store_earlier_token, store_tokens
from tests.support.makers.rows import make_user

EMAIL: Final = "sealing@example.com"


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - for the test that reads it


async def first(settings: Settings, keys: Keys, trail: AuditTrail) -> None:
    place = ACCESS_TOKEN.context(UUID(int=1), UUID(int=2))
    _say((await keys.seal(SecretStr("x"), context=place)).key_id)


async def undone(settings: Settings, keys: Keys, trail: AuditTrail) -> None:
    with contextlib.suppress(_Undone):
        async with trail.transaction():
            await first(settings, keys, trail)
            raise _Undone
    await first(settings, keys, trail)


class _Undone(Exception):
    """Rolls a database transaction back."""


async def fill(settings: Settings, keys: Keys, trail: AuditTrail) -> None:
    user, provider = await _owner(), await Provider.all().order_by("key").first()
    assert provider is not None
    async with open_session(settings, process="sealing") as session:
        await store_tokens(session, keys, int(sys.argv[2]), user_id=user.id, provider_id=provider.id)


async def earlier(settings: Settings, keys: Keys, trail: AuditTrail) -> None:
    user, provider = await _owner(), await Provider.all().order_by("key").first()
    assert provider is not None
    key_id, key = list(settings.token_keys.items())[-1]
    async with open_session(settings, process="sealing") as session:
        await store_earlier_token(
            session, user_id=user.id, provider_id=provider.id, key_id=key_id, key=key, secret=sys.argv[2]
        )


async def _owner() -> User:
    return await User.get_or_none(email=EMAIL) or await make_user(email=EMAIL)


async def refresh(settings: Settings, keys: Keys, trail: AuditTrail) -> None:
    share, of = int(sys.argv[2]), int(sys.argv[3])
    found = await ProviderConnection.all().order_by("id")
    mine = [connection.id for connection in found[share::of][:50]]
    expected = {id_: await _read(id_, keys) for id_ in mine}
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    for number in count():
        id_ = mine[number % len(mine)]
        if (seen := await _read(id_, keys)) != expected[id_]:
            sys.exit(f"{id_} holds {seen}; expected {expected[id_]}")
        secret = f"refreshed-{share}-{number}"
        grant = TokenGrant(SecretStr(secret), refresh_token=SecretStr(f"refresh-{secret}"))
        await store_grant(id_, grant, keys=keys, trail=trail)
        expected[id_] = secret
        if number == 0:
            _say("begun")
        if ended.done():
            break
    _say(json.dumps({str(id_): secret for id_, secret in expected.items()}))


async def lag(settings: Settings, keys: Keys, trail: AuditTrail) -> None:
    connection = await ProviderConnection.all().order_by("id").first()
    assert connection is not None
    still = Keys(settings.token_keys, environment=settings.ENVIRONMENT.value, trail=trail, clock=lambda: 0.0)
    await first(settings, still, trail)
    await asyncio.to_thread(sys.stdin.read)
    await store_grant(connection.id, TokenGrant(SecretStr("late")), keys=still, trail=trail)


async def _read(connection_id: UUID, keys: Keys) -> str:
    return (await open_grant(connection_id, keys=keys)).access_token.get_secret_value()


async def read(settings: Settings, keys: Keys, trail: AuditTrail) -> None:
    tokens = await ProviderToken.all().select_related("connection")
    found = {}
    for token in tokens:
        place = ACCESS_TOKEN.context(token.id, token.connection.user_id, token.version)
        opened = await keys.open(token.access_token_sealed, context=place)
        found[str(token.connection_id)] = opened.get_secret_value()
    _say(json.dumps(found))


async def main(act: str) -> None:
    settings = load_settings(Settings)
    trail = AuditTrail(settings.token_keys)
    keys = Keys(settings.token_keys, environment=settings.ENVIRONMENT.value, trail=trail)
    acts = {
        "first": first,
        "undone": undone,
        "fill": fill,
        "earlier": earlier,
        "refresh": refresh,
        "lag": lag,
        "read": read,
    }
    async with connect(settings, process="sealing"):
        await acts[act](settings, keys, trail)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
