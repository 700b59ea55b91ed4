"""May this database be destroyed? Decided purely, from what was asked for and what was seen; all reasons at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dashtam.settings.model import LOCAL_HOSTS, TEST_DATABASE_NAME, Environment, TestSettings

SCHEMAS: Final = ("public",)


@dataclass(frozen=True)
class Observation:
    """What a server says about itself and one of its databases, seen on one connection."""

    database: str
    user: str
    owner: str
    schemas: tuple[str, ...]
    """`current_schemas(false)`: where unqualified names are looked up."""
    cluster_identifier: str
    in_recovery: bool
    stamp: str | None
    """The comment on the database, in the catalogue that all databases share."""
    is_template: bool
    is_privileged: bool
    """The role is a superuser, or may create databases or roles."""
    reaches_development: bool
    """The role may connect to the development database."""
    foreign_sessions: tuple[str, ...]
    foreign_servers: tuple[str, ...]
    """Foreign servers, publications and subscriptions: ways by which a change leaves the database."""
    tables: tuple[str, ...]


def expected_stamp(cluster_identifier: str) -> str:
    """Build the stamp that docker/ensure-database.psql puts on a test database."""
    return f"dashtam purpose=testing cluster={cluster_identifier}"


def reasons_to_refuse(settings: TestSettings, seen: Observation) -> list[str]:
    """List every reason not to destroy the database that was seen; an empty list means that it is disposable."""
    return [
        *_settings_reasons(settings),
        *_server_reasons(settings, seen),
        *_database_reasons(settings, seen),
    ]


def _settings_reasons(settings: TestSettings) -> Iterator[str]:
    """The settings refuse all of this themselves; said again here, so that no road leads around them."""
    if settings.ENVIRONMENT is not Environment.TESTING:
        yield f"ENVIRONMENT is {settings.ENVIRONMENT}; expected testing"
    if settings.TESTING is not True:
        yield f"TESTING is {settings.TESTING}; expected true"
    name = settings.database.name
    if not TEST_DATABASE_NAME.fullmatch(name):
        yield f"DATABASE_URL names {name}; expected dashtam_test or dashtam_test_<suffix>"
    if settings.database.host not in LOCAL_HOSTS:
        yield f"DATABASE_URL leads to {settings.database.host}; expected this machine, or the component postgres"
    if name == development_name(settings):
        yield f"DATABASE_URL names {name}, which is the development database; expected another"


def development_name(settings: TestSettings) -> str:
    """The name of the development database."""
    return settings.DEVELOPMENT_DATABASE.rpartition("/")[2]


def _server_reasons(settings: TestSettings, seen: Observation) -> Iterator[str]:
    if seen.cluster_identifier != settings.CLUSTER_IDENTIFIER:
        yield (
            f"this is the PostgreSQL cluster {seen.cluster_identifier}; expected {settings.CLUSTER_IDENTIFIER}, "
            f"recorded by `invoke up`. Find out which server answers at {settings.database.place}"
        )
    if seen.in_recovery:
        yield "the server is in recovery: a replica, or not ready yet; expected a primary server"
    if seen.user != settings.database.user:
        yield f"connected as {seen.user}; expected {settings.database.user}"
    if seen.is_privileged:
        yield f"the role {seen.user} is a superuser, or may create databases or roles; run docker/init-test-db.sh"
    if seen.reaches_development:
        yield (
            f"the role {seen.user} may connect to {development_name(settings)}; as its owner: "
            f"REVOKE CONNECT ON DATABASE {development_name(settings)} FROM PUBLIC, {seen.user}"
        )


def _database_reasons(settings: TestSettings, seen: Observation) -> Iterator[str]:
    if seen.database != settings.database.name:
        yield f"connected to the database {seen.database}; expected {settings.database.name}. Is a pooler between?"
    if seen.owner != seen.user:
        yield f"the database {seen.database} belongs to {seen.owner}; expected {seen.user}"
    if seen.stamp != (stamp := expected_stamp(settings.CLUSTER_IDENTIFIER)):
        yield f"the stamp of {seen.database} is {seen.stamp!r}; expected {stamp!r}. `invoke test.setup` makes one"
    if seen.is_template:
        yield f"the database {seen.database} is a template, as the development database is; expected an ordinary one"
    if seen.schemas != SCHEMAS:
        yield f"names are looked up in {', '.join(seen.schemas) or 'no schema'}; expected public alone"
    if seen.foreign_servers:
        yield f"changes may leave the database through {', '.join(seen.foreign_servers)}; drop that first"
    if seen.foreign_sessions:
        yield f"others are connected: {'; '.join(seen.foreign_sessions)}. Close them first"
