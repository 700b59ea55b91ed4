"""Why an authorization came to nothing: an error of ours, its reason for the user, its word for the audit trail."""

from typing import Final

from dashtam.connections.errors import AuthorizationNotPending, TooManyConnections
from dashtam.errors import DashtamError
from dashtam.models import ConnectionReason, Outcome
from dashtam.providers.errors import (
    AuthorizationDenied,
    ClientRefused,
    GrantRefused,
    NotConfigured,
    NotConnectable,
    ProviderFailure,
    ProviderNotReady,
    ScopeMissing,
)

# The codes of RFC 6749, 4.1.2.1; any other is not ours to repeat.
_CODES: Final = {
    "access_denied": ConnectionReason.DENIED,
    "invalid_request": ConnectionReason.CLIENT_REFUSED,
    "unauthorized_client": ConnectionReason.CLIENT_REFUSED,
    "unsupported_response_type": ConnectionReason.CLIENT_REFUSED,
    "invalid_scope": ConnectionReason.CLIENT_REFUSED,
    "server_error": ConnectionReason.PROVIDER_FAILING,
    "temporarily_unavailable": ConnectionReason.PROVIDER_FAILING,
}
_OF_THE_PROVIDER: Final = frozenset({"another_issuer", "another_provider"})


class RedirectRejected(AuthorizationNotPending):
    """No authorization request is waiting for this answer."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the answer is refused: {reason}")


def error_for(code: str) -> DashtamError:
    """Make an error of ours of the code that a provider sends instead of a grant; its own words go nowhere."""
    reason = _CODES.get(code, ConnectionReason.PROVIDER_FAILING)
    known = code if code in _CODES else "unknown_error"
    if reason is ConnectionReason.DENIED:
        return AuthorizationDenied("the provider says access_denied")
    if reason is ConnectionReason.CLIENT_REFUSED:
        return ClientRefused(f"the provider says {known}", detail=known)
    return ProviderNotReady(f"the provider says {known}", detail=known)


def reason_of(error: DashtamError) -> ConnectionReason:
    """What a connection says that this error kept from coming to be."""
    match error:
        case ScopeMissing():
            return ConnectionReason.SCOPE_MISSING
        case GrantRefused():
            return ConnectionReason.GRANT_REFUSED
        case ClientRefused() | NotConfigured() | NotConnectable():
            return ConnectionReason.CLIENT_REFUSED
        case ProviderFailure():
            return ConnectionReason.PROVIDER_FAILING
        case RedirectRejected(reason=word) if word in _OF_THE_PROVIDER:
            return ConnectionReason.PROVIDER_FAILING
    return ConnectionReason.DENIED


def audit_outcome(error: DashtamError) -> Outcome:
    """Whether somebody was refused, or something went wrong."""
    refusals = AuthorizationNotPending | AuthorizationDenied | ScopeMissing | TooManyConnections
    return Outcome.DENIED if isinstance(error, refusals) else Outcome.FAILED


def audit_reason(error: DashtamError) -> str:
    """The reason that is audited."""
    match error:
        case RedirectRejected():
            return error.reason
        case ProviderFailure():
            return error.detail
    return error.code
