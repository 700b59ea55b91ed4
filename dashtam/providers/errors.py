"""How a provider can fail us: what to do next depends on nothing but the class.

ProviderFailure                 502  provider_failure
├── GrantRefused                409  grant_refused            dead: the user has to connect again
├── SecretRefused               422  secret_refused           what the user copied is not taken
├── ClientRefused               502  client_refused           our settings are wrong: an operator has to act
├── NotConfigured               409  provider_not_configured  our settings are empty: an operator has to act
├── ProviderNotReady            503  provider_not_ready       may pass: try again later
├── AnswerUnusable              502  answer_unusable          not what the standard or the provider's pages say
└── NotConnected                409  not_connected            there is no token: the detail says why

And what keeps us from using it, though it did not fail:

NotConnectable                  409  not_connectable          nothing here speaks to it
AuthorizationDenied             403  authorization_denied     the user did not agree
ScopeMissing                    403  scope_missing            the user agreed to less than we need

A message never repeats what a provider wrote, since it may quote a token; `detail` holds a short code from a fixed list
of the adapter's. Where no answer came, it is the code of outgoing/errors.py: after `unreachable` the provider has not
seen the call, after `answer_lost` and `too_large` it may have done what it was asked.
"""

import math
from datetime import timedelta
from http import HTTPStatus
from typing import ClassVar

from dashtam.errors import DashtamError


class ProviderFailure(DashtamError):
    """The provider could not be used."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_GATEWAY
    code: ClassVar[str] = "provider_failure"

    def __init__(self, message: str, *, detail: str = "", retry_after: timedelta | None = None) -> None:
        self.detail = detail or self.code
        """What is stored and audited: a code of ours or of a standard (invalid_grant), never text."""
        self.retry_after = retry_after
        """How long the provider wants to be left alone (RFC 9110, 10.2.3)."""
        if retry_after is not None:
            self.headers = {"Retry-After": str(max(1, math.ceil(retry_after.total_seconds())))}
        super().__init__(message)


class GrantRefused(ProviderFailure):
    """The provider does not let us in any more: connect it again."""

    status = HTTPStatus.CONFLICT
    code = "grant_refused"


class SecretRefused(ProviderFailure):
    """The provider does not take what you entered. If you used it nowhere else, somebody else may have."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "secret_refused"


class ClientRefused(ProviderFailure):
    """The provider does not know this installation: whoever runs it has to look at its settings."""

    code = "client_refused"


class NotConfigured(ProviderFailure):
    """This installation has no access to the provider yet: whoever runs it has to enter the client id and secret."""

    status = HTTPStatus.CONFLICT
    code = "provider_not_configured"


class ProviderNotReady(ProviderFailure):
    """The provider does not answer now; try again later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "provider_not_ready"


class AnswerUnusable(ProviderFailure):
    """The provider answered something that cannot be used."""

    code = "answer_unusable"


class NotConnected(ProviderFailure):
    """There is no valid token for this connection: connect it again."""

    status = HTTPStatus.CONFLICT
    code = "not_connected"


class NotConnectable(DashtamError):
    """This installation cannot connect to this provider: it lacks what it needs for it, or there is no way yet."""

    status = HTTPStatus.CONFLICT
    code = "not_connectable"


class AuthorizationDenied(DashtamError):
    """The provider says that you did not agree."""

    status = HTTPStatus.FORBIDDEN
    code = "authorization_denied"


class ScopeMissing(DashtamError):
    """You agreed to less than Dashtam needs."""

    status = HTTPStatus.FORBIDDEN
    code = "scope_missing"
