"""Connects a provider: `python -m dashtam.commands.connect PROVIDER [--email ADDRESS] [--alias NAME]`.

Prints a link to open in a browser and waits for what becomes of it; Ctrl-C takes the link back. What a provider gave
the user to copy is asked for without an echo, or read from standard input, one line each: never an argument, which
every user of the machine could read.
"""

import argparse
import asyncio
import sys
from datetime import UTC, datetime, timedelta
from getpass import getpass
from typing import Final

from pydantic import SecretStr

from dashtam.audit.caller import UNKNOWN
from dashtam.connections.advice import advise
from dashtam.connections.authorizations import Asker, Link
from dashtam.connections.errors import AliasTaken
from dashtam.connections.lifecycle import Standing
from dashtam.console import done, run
from dashtam.errors import NotFound
from dashtam.identity.email_addresses import normalized_address
from dashtam.identity.errors import InvalidAddress
from dashtam.models import AuthorizationRequest, ConnectionStatus, Provider, ProviderConnection, User
from dashtam.providers.errors import AuthorizationDenied
from dashtam.resources import Resources, open_resources
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings

INTERRUPTED: Final = 130
_PROBE_SECONDS: Final = 0.5
_EXCHANGE_TTL: Final = timedelta(seconds=40)
"""How long an answer that was taken may be exchanged; the callback's own limit is shorter."""


async def connect(provider_key: str, email: str | None, alias: str | None) -> None:
    """Connect a provider for a user, and say how it ended.

    Raises:
        InvalidAddress: no address was given where there is more than one user.
        NotFound: there is no such user, or provider.
        NotConnectable: this installation cannot connect to this provider.
        AliasTaken: the user has another connection of that alias, or this one works.
        TooManyConnections: the user has so many that one more has no room.
        AuthorizationDenied: nothing was connected; says why.
        ProviderFailure: the provider did not take what was entered.
    """
    settings = load_settings(Settings)
    async with open_resources(settings, process="connect") as resources:
        user, provider = await _find_user(email), await Provider.get_or_none(key=provider_key)
        if provider is None:
            raise NotFound(f"no provider has the key {provider_key!r}; GET /api/v1/providers lists them")
        asker, alias = Asker(user.id, None, UNKNOWN), alias or provider.name
        earlier = await _find_earlier(user, provider, alias)
        labels = resources.connections.claims.fields_of(provider_key)
        if labels:
            standing = await _claim(resources, asker, provider_key, alias, earlier, _ask(labels))
        else:
            standing = await _authorize(resources, asker, provider_key, alias, earlier)
        _print_state(standing, user)


async def _find_user(email: str | None) -> User:
    if email:
        user = await User.get_or_none(email=normalized_address(email))
        if user is None:
            raise NotFound(f"there is no user {email!r}; `invoke user.create` makes one")
        return user
    users = await User.all().limit(2)
    if len(users) != 1:
        seen = "several users" if users else "no user"
        raise InvalidAddress(
            f"there is {seen}; expected --email ADDRESS of one that `invoke user.create` made"
        )
    return users[0]


async def _find_earlier(user: User, provider: Provider, alias: str) -> ProviderConnection | None:
    earlier = await ProviderConnection.get_or_none(user_id=user.id, alias=alias)
    if earlier and (earlier.provider_id != provider.id or earlier.status is ConnectionStatus.ACTIVE):
        raise AliasTaken(f"{user.email} has a connection called {alias!r}; expected another --alias")
    return earlier


def _ask(labels: dict[str, str]) -> dict[str, SecretStr]:
    if sys.stdin.isatty():
        return {name: SecretStr(getpass(f"{label}: ").strip()) for name, label in labels.items()}
    return {name: SecretStr(sys.stdin.readline().strip()) for name in labels}


async def _claim(
    resources: Resources,
    asker: Asker,
    provider_key: str,
    alias: str,
    earlier: ProviderConnection | None,
    secrets: dict[str, SecretStr],
) -> Standing:
    claims = resources.connections.claims
    if earlier:
        return await claims.reconnect(asker, earlier.id, secrets=secrets)
    return await claims.connect(asker, provider_key=provider_key, alias=alias, secrets=secrets)


async def _authorize(
    resources: Resources, asker: Asker, provider_key: str, alias: str, earlier: ProviderConnection | None
) -> Standing:
    authorizations = resources.connections.authorizations
    link = (
        await authorizations.reconnect(asker, earlier.id, return_path="")
        if earlier
        else await authorizations.connect(asker, provider_key=provider_key, alias=alias, return_path="")
    )
    _say(f"open this link in a browser until {link.expires_at.astimezone():%H:%M}; Ctrl-C takes it back")
    _say(f"  {resources.settings.APP_URL}/connect/{link.ticket.get_secret_value()}")
    try:
        return await _await_end(resources, link)
    finally:
        await authorizations.withdraw(link)


async def _await_end(resources: Resources, link: Link) -> Standing:
    """Look again and again until the connection is not pending any more, or can never be."""
    connections, taken_at = resources.connections.lifecycle, None
    while True:
        standing = await connections.get(link.connection.user_id, link.connection.id)
        now = datetime.now(UTC)
        if standing.connection.status is not ConnectionStatus.PENDING:
            return standing
        if not await AuthorizationRequest.exists(id=link.request_id):
            taken_at = taken_at or now
        if now > link.expires_at + _EXCHANGE_TTL or (taken_at and now > taken_at + _EXCHANGE_TTL):
            raise AuthorizationDenied("nobody answered in time; nothing was connected")
        await asyncio.sleep(_PROBE_SECONDS)


def _print_state(standing: Standing, user: User) -> None:
    connection = standing.connection
    if connection.status is not ConnectionStatus.ACTIVE:
        advice = advise(connection.status, connection.reason)
        raise AuthorizationDenied(
            f"{connection.alias} is {connection.status.value}, because of {connection.reason or 'no word'}: {advice}"
        )
    done(
        "connected",
        alias=connection.alias,
        email=user.email,
        id=connection.id,
        expires=standing.expires_at.isoformat(timespec="seconds") if standing.expires_at else "never",
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Read the arguments, and answer the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dashtam.commands.connect", description="Connect a provider."
    )
    parser.add_argument("provider", help="its key, as sandbox")
    parser.add_argument("--email", help="whose connection it is; default: the only user's")
    parser.add_argument("--alias", help="what the connection is called; default: the provider's name")
    chosen = parser.parse_args()
    try:
        return run(lambda: connect(chosen.provider, chosen.email, chosen.alias))
    except KeyboardInterrupt:
        _say("stopped; the link leads nowhere any more")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
