"""Every error that Dashtam raises on purpose, and what an HTTP client is told of it.

DashtamError                    500  internal_error
├── SettingsError               500  settings_invalid
├── UnsafeDatabase              500  database_not_disposable
├── HurtfulMigrations           500  migrations_refused
├── DatabaseNotReady            503  database_not_ready
├── CacheNotReady               503  cache_not_ready
├── SealError                   500  seal_invalid
├── NotAuthenticated            401  not_authenticated
├── NotFound                    404  not_found
├── InvalidRequest              400  invalid_request
├── AuthorizationNotPending     400  authorization_not_pending
└── TooManyRequests             429  too_many_requests

The docstring of a class is the sentence that a client may read; the message of an instance is for the operator and
stays in the logs.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar


class DashtamError(Exception):
    """Something went wrong on our side."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal_error"


class SettingsError(DashtamError):
    """The service is not configured correctly."""

    code = "settings_invalid"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n".join([f"{len(self.problems)} setting(s) refused:", *(f"  {p}" for p in self.problems)])
        )


class UnsafeDatabase(DashtamError):
    """The database may not be destroyed."""

    code = "database_not_disposable"

    def __init__(self, database: str, refusals: Sequence[str]) -> None:
        self.database = database
        self.refusals = tuple(refusals)
        super().__init__("\n".join([f"refused to touch {database}:", *(f"  {r}" for r in self.refusals)]))


class HurtfulMigrations(DashtamError):
    """Pending migrations may take data away, and nobody has allowed them."""

    code = "migrations_refused"

    def __init__(self, database: str, migrations: Mapping[str, Sequence[str]]) -> None:
        self.database = database
        self.migrations = {name: tuple(harms) for name, harms in migrations.items()}
        lines = [f"nothing was applied to {database}: these pending migrations may take data away"]
        for name, harms in self.migrations.items():
            lines += [f"  {name}", *(f"    {line}" for harm in harms for line in harm.splitlines())]
        allowed = " ".join(f"--allow {name}" for name in self.migrations)
        lines += [
            "→ in development: invoke db.migrate",
            f"→ elsewhere, after a backup: python -m dashtam.database.migrations upgrade {allowed}",
        ]
        super().__init__("\n".join(lines))


class DatabaseNotReady(DashtamError):
    """The database does not answer as it should."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "database_not_ready"


class CacheNotReady(DashtamError):
    """The cache does not answer as it should."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "cache_not_ready"


class SealError(DashtamError):
    """A sealed value cannot be opened."""

    code = "seal_invalid"


class NotAuthenticated(DashtamError):
    """This needs a signed-in user."""

    status = HTTPStatus.UNAUTHORIZED
    code = "not_authenticated"


class NotFound(DashtamError):
    """There is nothing here for you."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class InvalidRequest(DashtamError):
    """The request cannot be understood."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class AuthorizationNotPending(DashtamError):
    """No authorization request is waiting for this answer."""

    status = HTTPStatus.BAD_REQUEST
    code = "authorization_not_pending"


class TooManyRequests(DashtamError):
    """Too many requests; try again in a minute."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_requests"
