"""Connects a provider: `python -m dashtam.commands.connect PROVIDER [--email ADDRESS] [--alias NAME]`.

Prints a link to open in a browser and waits for the result; Ctrl-C withdraws the link. A secret that the user copied
from a provider is read without an echo, or from standard input, one line each. Secrets are never arguments, because
every user of the machine can read those.
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
"""The maximum time between an accepted redirect and the end of its code exchange; the callback's limit is shorter."""


async def connect(provider_key: str, email: str | None, alias: str | None) -> None:
    """Connect a provider for a user, and print the result.

    Raises:
        InvalidAddress: `email` is missing, and there is not exactly one user.
        NotFound: the user or the provider does not exist.
        NotConnectable: this installation cannot connect to this provider.
        AliasTaken: the user has another connection with this alias, or an active one.
        TooManyConnections: the user already has the maximum number of connections.
        AuthorizationDenied: nothing was connected; the message says why.
        ProviderFailure: the provider rejected the entered secrets.
    """
    settings = load_settings(Settings)
    async with open_resources(settings, process="connect") as resources:
        user, provider = await _find_user(email), await Provider.get_or_none(key=provider_key)
        if provider is None:
            raise NotFound(f"no provider has the key {provider_key!r}; GET /api/v1/providers lists all keys")
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
            raise NotFound(f"no user has the address {email!r}; `invoke user.create` creates one")
        return user
    users = await User.all().limit(2)
    if len(users) != 1:
        seen = "several users exist" if users else "no user exists yet"
        raise InvalidAddress(f"{seen}; expected --email ADDRESS of a user that `invoke user.create` created")
    return users[0]


async def _find_earlier(user: User, provider: Provider, alias: str) -> ProviderConnection | None:
    earlier = await ProviderConnection.get_or_none(user_id=user.id, alias=alias)
    if earlier and (earlier.provider_id != provider.id or earlier.status is ConnectionStatus.ACTIVE):
        raise AliasTaken(f"{user.email} already has a connection {alias!r}; expected another --alias")
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
    _say(f"open this link in a browser before {link.expires_at.astimezone():%H:%M}; Ctrl-C withdraws it")
    _say(f"  {resources.settings.APP_URL}/connect/{link.ticket.get_secret_value()}")
    try:
        return await _await_end(resources, link)
    finally:
        await authorizations.withdraw(link)


async def _await_end(resources: Resources, link: Link) -> Standing:
    """Return the connection once it is no longer pending.

    Raises:
        AuthorizationDenied: the link or the code exchange timed out.
    """
    connections, taken_at = resources.connections.lifecycle, None
    while True:
        standing = await connections.get(link.connection.user_id, link.connection.id)
        now = datetime.now(UTC)
        if standing.connection.status is not ConnectionStatus.PENDING:
            return standing
        if not await AuthorizationRequest.exists(id=link.request_id):
            taken_at = taken_at or now
        if now > link.expires_at + _EXCHANGE_TTL or (taken_at and now > taken_at + _EXCHANGE_TTL):
            raise AuthorizationDenied("the link expired before it was used; nothing was connected")
        await asyncio.sleep(_PROBE_SECONDS)


def _print_state(standing: Standing, user: User) -> None:
    connection = standing.connection
    if connection.status is not ConnectionStatus.ACTIVE:
        advice = advise(connection.status, connection.reason)
        raise AuthorizationDenied(
            f"{connection.alias} is {connection.status.value} (reason: {connection.reason or 'none'}): {advice}"
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
    """Connect as the arguments say, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dashtam.commands.connect", description="Connect a provider."
    )
    parser.add_argument("provider", help="the provider's key, for example sandbox")
    parser.add_argument("--email", help="the address of the connection's user; default: the only user")
    parser.add_argument("--alias", help="the name of the connection; default: the provider's name")
    chosen = parser.parse_args()
    try:
        return run(lambda: connect(chosen.provider, chosen.email, chosen.alias))
    except KeyboardInterrupt:
        _say("stopped; the link was withdrawn")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
