"""The errors of providers; the class of an error decides what happens next.

ProviderFailure                 502  provider_failure
├── GrantRefused                409  grant_refused            permanent: the user has to connect again
├── SecretRefused               422  secret_refused           the provider rejects what the user copied
├── ClientRefused               502  client_refused           our settings are wrong: an operator has to act
├── NotConfigured               409  provider_not_configured  our settings are empty: an operator has to act
├── ProviderNotReady            503  provider_not_ready       temporary: retry later
├── ResponseUnusable            502  answer_unusable          the response violates the standard or the documentation
└── NotConnected                409  not_connected            the connection has no valid token: the detail says why

Errors that are not failures of the provider:

NotConnectable                  409  not_connectable          this installation has no adapter, or not yet
AuthorizationDenied             403  authorization_denied     the user did not agree
ScopeMissing                    403  scope_missing            the user granted less than we need

A message never repeats what a provider wrote, since it may quote a token. `detail` is a short code from a fixed list of
the adapter. If no response arrived, it is a code of outgoing/errors.py. After `unreachable`, the provider has not
received the call; after `answer_lost` and `too_large`, it may have processed the call.
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
        """The code that is stored and audited: one of ours or of a standard (invalid_grant), never text."""
        self.retry_after = retry_after
        """The wait that the provider requests before a retry (RFC 9110, 10.2.3)."""
        if retry_after is not None:
            self.headers = {"Retry-After": str(max(1, math.ceil(retry_after.total_seconds())))}
        super().__init__(message)


class GrantRefused(ProviderFailure):
    """The provider no longer accepts this connection: connect it again."""

    status = HTTPStatus.CONFLICT
    code = "grant_refused"


class SecretRefused(ProviderFailure):
    """The provider rejected what you entered. If you used it nowhere else, it may have been stolen."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "secret_refused"


class ClientRefused(ProviderFailure):
    """The provider does not know this installation: its operator has to check the settings."""

    code = "client_refused"


class NotConfigured(ProviderFailure):
    """This installation has no access to the provider yet: its operator has to set the client id and secret."""

    status = HTTPStatus.CONFLICT
    code = "provider_not_configured"


class ProviderNotReady(ProviderFailure):
    """The provider is not available now; try again later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "provider_not_ready"


class ResponseUnusable(ProviderFailure):
    """The provider sent a response that Dashtam cannot use."""

    code = "answer_unusable"


class NotConnected(ProviderFailure):
    """This connection has no valid token: connect it again."""

    status = HTTPStatus.CONFLICT
    code = "not_connected"


class NotConnectable(DashtamError):
    """This installation cannot connect to this provider: its settings are missing, or it is not supported yet."""

    status = HTTPStatus.CONFLICT
    code = "not_connectable"


class AuthorizationDenied(DashtamError):
    """The provider reports that you did not agree."""

    status = HTTPStatus.FORBIDDEN
    code = "authorization_denied"


class ScopeMissing(DashtamError):
    """You granted fewer permissions than Dashtam needs."""

    status = HTTPStatus.FORBIDDEN
    code = "scope_missing"
