"""Every error that Dashtam raises on purpose, and what an HTTP client is told of it.

DashtamError                    500  internal_error
├── SettingsError               500  settings_invalid
├── UnsafeDatabase              500  database_not_disposable
├── HurtfulMigrations           500  migrations_refused
├── DatabaseNotReady            503  database_not_ready
├── CacheNotReady               503  cache_not_ready
├── SealError                   500  seal_invalid
├── KeysNotRotated              500  keys_not_rotated
├── KeyNeeded                   500  key_needed
├── AuditDamaged                500  audit_damaged
├── UndeclaredRoute             500  route_undeclared
├── NotAuthenticated            401  not_authenticated
├── SignInRefused               401  sign_in_refused
├── SecondFactorRequired        401  second_factor_required
├── NotAllowed                  403  not_allowed
├── CrossOrigin                 403  cross_origin
├── NotFound                    404  not_found
├── AlreadyRefreshed            409  already_refreshed
├── InvalidRequest              400  invalid_request
├── InvalidAddress              422  invalid_address
├── AddressTaken                409  address_taken
├── LastAdministrator           409  last_administrator
├── RegistrationClosed          403  registration_closed
├── CodeRefused                 400  code_refused
├── PasswordRefused             422  password_refused
├── TooBusy                     503  too_busy
├── MalformedBody               400  malformed_body
├── UnsupportedBody             415  unsupported_media_type
├── UnfitBody                   422  invalid_body
├── KeyInUse                    409  idempotency_key_in_use
├── KeyReused                   422  idempotency_key_reused
├── PreconditionFailed          412  precondition_failed
├── PreconditionRequired        428  precondition_required
├── AuthorizationNotPending     400  authorization_not_pending
├── AliasTaken                  409  alias_taken
├── TooManyConnections          409  too_many_connections
└── TooManyRequests             429  too_many_requests

Those of mail stand in mail/failures.py, those of providers in providers/failures.py, and those of calls that leave in
outgoing/failures.py.

The docstring of a class is the sentence that a client may read, and so are the parts of an instance, which name what
was wrong and never repeat what was sent. The message of an instance is for the operator and stays in the logs.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import ClassVar


class DashtamError(Exception):
    """Something went wrong on our side."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal_error"
    exit_code: ClassVar[int] = 1
    """How a command ends that fails with it: 1, or 3 where a safety check refused."""
    headers: Mapping[str, str] = MappingProxyType({})
    """What an HTTP answer says beside its body."""

    def __init__(self, message: str = "", *, parts: Sequence[tuple[str, str]] = ()) -> None:
        self.parts = tuple(parts)
        """Name of a part of the request, and what was wrong with it."""
        super().__init__(message or "; ".join(f"{name}: {wrong}" for name, wrong in parts))

    @property
    def sentence(self) -> str:
        """What a client may read."""
        return type(self).__doc__ or ""


class SettingsError(DashtamError):
    """The service is not configured correctly."""

    code = "settings_invalid"
    exit_code = 3

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n".join([f"{len(self.problems)} setting(s) refused:", *(f"  {p}" for p in self.problems)])
        )


class UnsafeDatabase(DashtamError):
    """The database may not be destroyed."""

    code = "database_not_disposable"
    exit_code = 3

    def __init__(self, database: str, refusals: Sequence[str]) -> None:
        self.database = database
        self.refusals = tuple(refusals)
        super().__init__("\n".join([f"refused to touch {database}:", *(f"  {r}" for r in self.refusals)]))


class HurtfulMigrations(DashtamError):
    """Pending migrations may take data away, and nobody has allowed them."""

    code = "migrations_refused"
    exit_code = 3

    def __init__(self, database: str, migrations: Mapping[str, Sequence[str]]) -> None:
        self.database = database
        self.migrations = {name: tuple(harms) for name, harms in migrations.items()}
        lines = [f"nothing was applied to {database}: these pending migrations may take data away"]
        for name, harms in self.migrations.items():
            lines += [f"  {name}", *(f"    {line}" for harm in harms for line in harm.splitlines())]
        allowed = " ".join(f"--allow {name}" for name in self.migrations)
        lines += [
            "→ in development: invoke db.migrate",
            f"→ elsewhere, after a backup: python -m dashtam.bootstrap.migrations upgrade {allowed}",
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


class KeysNotRotated(DashtamError):
    """Something is still sealed with an earlier key."""

    code = "keys_not_rotated"


class KeyNeeded(DashtamError):
    """The key is still needed."""

    code = "key_needed"
    exit_code = 3

    def __init__(self, key_id: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n".join([f"{key_id} stays as it is:", *(f"  {reason}" for reason in reasons)]))


class AuditDamaged(DashtamError):
    """The audit trail is not what was written."""

    code = "audit_damaged"

    def __init__(self, database: str, damages: Sequence[str], *, more: int = 0) -> None:
        self.damages = tuple(damages)
        lines = [f"the audit trail of {database} is damaged:", *(f"  {damage}" for damage in self.damages)]
        super().__init__("\n".join([*lines, *([f"  and {more} more"] if more else [])]))


class UndeclaredRoute(DashtamError):
    """A route does not say what it writes to the audit trail."""

    code = "route_undeclared"


class NotAuthenticated(DashtamError):
    """This needs a signed-in user."""

    status = HTTPStatus.UNAUTHORIZED
    code = "not_authenticated"

    def __init__(self, message: str, *, challenge: str = 'Bearer realm="dashtam"') -> None:
        self.headers = {"WWW-Authenticate": challenge}
        super().__init__(message)


class SignInRefused(NotAuthenticated):
    """Address, password or one-time password is wrong."""

    code = "sign_in_refused"


class SecondFactorRequired(NotAuthenticated):
    """The password is right; now show what your authenticator app shows, or a recovery code."""

    code = "second_factor_required"


class NotAllowed(DashtamError):
    """You may not do this."""

    status = HTTPStatus.FORBIDDEN
    code = "not_allowed"

    def __init__(self, message: str, *, challenge: str | None = None) -> None:
        if challenge is not None:
            self.headers = {"WWW-Authenticate": challenge}
        super().__init__(message)


class CrossOrigin(DashtamError):
    """A browser sends this from the pages of Dashtam alone, with the header X-Dashtam-Request."""

    status = HTTPStatus.FORBIDDEN
    code = "cross_origin"


class NotFound(DashtamError):
    """There is nothing here for you."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class AlreadyRefreshed(DashtamError):
    """Another request has refreshed this session a moment ago; use the tokens that it was given."""

    status = HTTPStatus.CONFLICT
    code = "already_refreshed"


class InvalidRequest(DashtamError):
    """The request cannot be understood."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class InvalidAddress(DashtamError):
    """This is not the address of a mailbox."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_address"


class AddressTaken(DashtamError):
    """This address has a user already."""

    status = HTTPStatus.CONFLICT
    code = "address_taken"


class LastAdministrator(DashtamError):
    """Nobody else is an administrator: make somebody else one first."""

    status = HTTPStatus.CONFLICT
    code = "last_administrator"


class RegistrationClosed(DashtamError):
    """Nobody registers here on their own: ask whoever runs this installation to make you a user."""

    status = HTTPStatus.FORBIDDEN
    code = "registration_closed"


class CodeRefused(DashtamError):
    """This code is not valid: it was used, it took too long, or it never was one."""

    status = HTTPStatus.BAD_REQUEST
    code = "code_refused"


class PasswordRefused(DashtamError):
    """This password is not safe enough."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "password_refused"

    def __init__(self, reason: str) -> None:
        self._reason = reason
        super().__init__(reason)

    @property
    def sentence(self) -> str:
        """Which rule it breaks; the password is not in it."""
        return f"{super().sentence} {self._reason}"


class MalformedBody(DashtamError):
    """The body of the request is not JSON."""

    status = HTTPStatus.BAD_REQUEST
    code = "malformed_body"


class UnsupportedBody(DashtamError):
    """The body of the request has to be JSON, sent as Content-Type: application/json and without Content-Encoding."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"
    headers = MappingProxyType(
        {"Accept": "application/json", "Accept-Encoding": "identity"}
    )  # RFC 9110, 15.5.16


class UnfitBody(DashtamError):
    """The body of the request does not hold what is expected."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_body"


class KeyInUse(DashtamError):
    """A request with this Idempotency-Key is being answered; ask again in a moment."""

    status = HTTPStatus.CONFLICT
    code = "idempotency_key_in_use"
    headers = MappingProxyType({"Retry-After": "1"})


class KeyReused(DashtamError):
    """This Idempotency-Key came before with another request; a new request needs a new key."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reused"


class PreconditionFailed(DashtamError):
    """This has changed since it was read; read it again, and send its new ETag as If-Match."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition_failed"


class PreconditionRequired(DashtamError):
    """Send the ETag that was read as If-Match, so that no change is overwritten unseen."""

    status = HTTPStatus.PRECONDITION_REQUIRED
    code = "precondition_required"


class AuthorizationNotPending(DashtamError):
    """No authorization request is waiting for this answer."""

    status = HTTPStatus.BAD_REQUEST
    code = "authorization_not_pending"


class AliasTaken(DashtamError):
    """You have a connection of this alias already."""

    status = HTTPStatus.CONFLICT
    code = "alias_taken"


class TooManyConnections(DashtamError):
    """You have too many connections."""

    status = HTTPStatus.CONFLICT
    code = "too_many_connections"

    def __init__(self, reason: str) -> None:
        self._reason = reason
        super().__init__(reason)

    @property
    def sentence(self) -> str:
        """What was counted, what is allowed, and what to do."""
        return f"{super().sentence} {self._reason}"


class TooManyRequests(DashtamError):
    """Too many requests; try again in a minute."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_requests"

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.headers = {"Retry-After": "60", **(headers or {})}
        super().__init__(message)


class TooBusy(DashtamError):
    """Too much is waiting already; try again in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "too_busy"

    def __init__(self, message: str, *, retry_after: int) -> None:
        self.headers = {"Retry-After": str(retry_after)}
        super().__init__(message)
