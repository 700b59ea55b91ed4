"""The errors of sending e-mail; the class says whether a retry can succeed.

MailNotSent                     503  mail_not_sent
├── MailRefused                 503  mail_refused           permanent: do not retry
├── MailServerNotReady          503  mail_server_not_ready  temporary: retry later
└── MailMisconfigured           503  mail_misconfigured     our settings are wrong: an operator has to act
"""

from http import HTTPStatus

from dashtam.errors import DashtamError


class MailNotSent(DashtamError):
    """The e-mail could not be sent."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "mail_not_sent"


class MailRefused(MailNotSent):
    """The mail server rejects this e-mail permanently."""

    code = "mail_refused"


class MailServerNotReady(MailNotSent):
    """The mail server cannot be used now; try again later."""

    code = "mail_server_not_ready"


class MailMisconfigured(MailNotSent):
    """The settings do not match the mail server: its certificate, its encryption, or the password."""

    code = "mail_misconfigured"
