"""Errors of signing in, registering and changing credentials."""

from http import HTTPStatus

from dashtam.errors import DashtamError, NotAuthenticated


class SignInRefused(NotAuthenticated):
    """Address, password or one-time password is wrong."""

    code = "sign_in_refused"


class SecondFactorRequired(NotAuthenticated):
    """The password is right; now show what your authenticator app shows, or a recovery code."""

    code = "second_factor_required"


class AlreadyRefreshed(DashtamError):
    """Another request has refreshed this session a moment ago; use the tokens that it was given."""

    status = HTTPStatus.CONFLICT
    code = "already_refreshed"


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


class TooBusy(DashtamError):
    """Too much is waiting already; try again in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "too_busy"

    def __init__(self, message: str, *, retry_after: int) -> None:
        self.headers = {"Retry-After": str(retry_after)}
        super().__init__(message)
