"""The e-mails about a user's address and password: plain text, one purpose each, without text from a request."""

from datetime import timedelta

from pydantic import SecretStr

from dashtam.mail.email import Email


def registration_email(to: str, code: SecretStr, *, ttl: timedelta) -> Email:
    """Build the e-mail to a registered address that has no user; its code proves access to the mailbox."""
    return Email(
        to,
        "Confirm your e-mail address for Dashtam",
        "This address was registered with Dashtam. If that was you, enter this code together with the password that "
        f"you chose:\n\n    {code.get_secret_value()}\n\nThe code is valid for {_hours(ttl)} and works once. "
        "If it was not you, ignore this e-mail: without the code, no account is created.\n",
    )


def known_address_email(to: str) -> Email:
    """Build the e-mail to a registered address that already has a user."""
    return Email(
        to,
        "You already have a Dashtam account",
        "This address was registered with Dashtam again, but you already have an account. Sign in, or request a new "
        "password if you forgot yours. If it was not you, ignore this e-mail: nothing has changed.\n",
    )


def reset_email(to: str, code: SecretStr, *, ttl: timedelta) -> Email:
    """Build the e-mail to a user who requested a new password; its code sets the password."""
    return Email(
        to,
        "Reset your Dashtam password",
        "A new password was requested for your Dashtam account. To choose it, enter this code:\n\n"
        f"    {code.get_secret_value()}\n\nThe code is valid for {_hours(ttl)} and works once. Choosing a new password "
        "signs out all devices. If it was not you, ignore this e-mail: nothing has changed.\n",
    )


def unknown_address_email(to: str) -> Email:
    """Build the e-mail to an address without a user, for which a new password was requested."""
    return Email(
        to,
        "No Dashtam account has this address",
        "A new password was requested for this address, but no Dashtam account has it. You may have registered with "
        "another address. If it was not you, ignore this e-mail.\n",
    )


def password_changed_email(to: str) -> Email:
    """Build the e-mail to a user whose password was changed (OWASP ASVS 5.0, 6.3.7)."""
    return Email(
        to,
        "Your Dashtam password was changed",
        "The password of your Dashtam account was changed. If it was not you, request a new password immediately: "
        "choosing it signs out all devices.\n",
    )


def _hours(ttl: timedelta) -> str:
    minutes = int(ttl.total_seconds() // 60)
    return f"{minutes // 60} hours" if minutes >= 120 else f"{minutes} minutes"
