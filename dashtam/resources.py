"""What a running process holds open, in one `async with`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from argon2 import Parameters

from dashtam.audit.trail import AuditTrail
from dashtam.cache import Cache, open_cache
from dashtam.connections.authorizations import Authorizations
from dashtam.connections.callbacks import Callbacks
from dashtam.connections.claims import Claims
from dashtam.connections.lifecycle import Connections
from dashtam.database.lifespan import connect
from dashtam.identity.administration import Administration
from dashtam.identity.authentication import Authentication
from dashtam.identity.identities import Identities
from dashtam.identity.passwords import LIVE, Passwords, open_passwords
from dashtam.identity.personal_tokens import PersonalTokens
from dashtam.identity.second_factors import SecondFactors
from dashtam.identity.sessions import Sessions
from dashtam.identity.users import Users
from dashtam.mail import Mailer, build_mailer
from dashtam.outgoing import Outgoing, open_outgoing
from dashtam.providers.registry import Registry, build_registry
from dashtam.sealing.keys import Keys
from dashtam.settings.model import Settings
from dashtam.tokens.attempt import RefreshAttempts
from dashtam.tokens.circuits import Circuits
from dashtam.tokens.endings import RefreshEndings
from dashtam.tokens.refreshing import Refreshes


@dataclass(frozen=True)
class Resources:
    """What handlers work with; the database connection is not here, the models find it themselves."""

    settings: Settings
    cache: Cache
    keys: Keys
    trail: AuditTrail
    mailer: Mailer
    identity: "IdentityServices"
    outgoing: Outgoing
    registry: Registry
    connections: "ConnectionServices"
    refreshes: Refreshes


@dataclass(frozen=True)
class IdentityServices:
    """The services that know who somebody is."""

    identities: Identities
    sessions: Sessions
    personal_tokens: PersonalTokens
    second_factors: SecondFactors
    authentication: Authentication
    users: Users
    administration: Administration


@dataclass(frozen=True)
class ConnectionServices:
    """The services that link users with providers."""

    authorizations: Authorizations
    callbacks: Callbacks
    claims: Claims
    lifecycle: Connections


def build_identity(
    settings: Settings,
    cache: Cache,
    keys: Keys,
    passwords: Passwords,
    trail: AuditTrail,
    mailer: Mailer,
) -> IdentityServices:
    """Wire the services that know who somebody is."""
    identities = Identities(cache)
    sessions = Sessions(identities, trail)
    second_factors = SecondFactors(keys, trail)
    return IdentityServices(
        identities=identities,
        sessions=sessions,
        personal_tokens=PersonalTokens(sessions, trail),
        second_factors=second_factors,
        authentication=Authentication(passwords, second_factors, sessions, trail),
        users=Users(
            passwords, sessions, trail, mailer, keys, is_registration_open=settings.REGISTRATION_OPEN
        ),
        administration=Administration(sessions, trail),
    )


def build_connections(
    settings: Settings,
    cache: Cache,
    keys: Keys,
    trail: AuditTrail,
    identity: IdentityServices,
    registry: Registry,
) -> ConnectionServices:
    """Wire the services that link users with providers."""
    identities, callback_url = identity.identities, settings.CALLBACK_URL
    connections = Connections(registry, keys, trail)
    return ConnectionServices(
        authorizations=Authorizations(registry, keys, trail, identities, callback_url=callback_url),
        callbacks=Callbacks(registry, cache, keys, trail, identities, callback_url=callback_url),
        claims=Claims(registry, keys, trail, connections),
        lifecycle=connections,
    )


def build_refreshes(cache: Cache, keys: Keys, trail: AuditTrail, registry: Registry) -> Refreshes:
    """Wire what keeps tokens valid."""
    endings = RefreshEndings(keys, trail)
    attempts = RefreshAttempts(keys, endings, Circuits(cache), registry, trail)
    return Refreshes(cache, keys, trail, attempts)


@asynccontextmanager
async def open_resources(
    settings: Settings, *, process: str, hashing: Parameters = LIVE
) -> AsyncIterator[Resources]:
    """Open database connection, cache, data keys, audit trail and mailer for a process, and close them in reverse.

    Nothing is connected before the first query, so that a server starts, and says so in its readiness, while
    PostgreSQL or Redis is away.

    Raises:
        SettingsError: the settings of a provider, or the file of EXTRA_CA_FILE, cannot be used.
    """
    async with (
        connect(settings, process=process),
        open_cache(settings.cache, environment=settings.ENVIRONMENT, process=process) as cache,
        open_outgoing(settings) as outgoing,
    ):
        trail = AuditTrail(settings.token_keys)
        keys = Keys(settings.token_keys, environment=settings.ENVIRONMENT.value, trail=trail)
        with open_passwords(hashing) as passwords:
            mailer = build_mailer(settings, cache)
            identity = build_identity(settings, cache, keys, passwords, trail, mailer)
            registry = build_registry(settings, outgoing)
            connections = build_connections(settings, cache, keys, trail, identity, registry)
            refreshes = build_refreshes(cache, keys, trail, registry)
            try:
                yield Resources(
                    settings, cache, keys, trail, mailer, identity, outgoing, registry, connections, refreshes
                )
            finally:
                await refreshes.finish()
