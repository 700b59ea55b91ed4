"""How an e-mail can fail to be sent: whether trying again is of use depends on nothing but the class.

MailNotSent                     503  mail_not_sent
├── MailRefused                 503  mail_refused           not now and not later
├── MailServerNotReady          503  mail_server_not_ready  may pass: try again later
└── MailMisconfigured           503  mail_misconfigured     our settings are wrong: an operator has to act
"""

from http import HTTPStatus

from dashtam.errors import DashtamError


class MailNotSent(DashtamError):
    """The e-mail could not be sent."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "mail_not_sent"


class MailRefused(MailNotSent):
    """The mail server does not take this e-mail, now or later."""

    code = "mail_refused"


class MailServerNotReady(MailNotSent):
    """The mail server does not answer as it should; it may do so later."""

    code = "mail_server_not_ready"


class MailMisconfigured(MailNotSent):
    """The mail server and our settings do not fit: its certificate, its encryption, or the password."""

    code = "mail_misconfigured"
