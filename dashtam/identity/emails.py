"""The letters that Dashtam writes: plain text, one purpose each, nothing of a stranger's in them."""

from datetime import timedelta

from pydantic import SecretStr

from dashtam.mail.email import Email


def registration_email(to: str, code: SecretStr, *, ttl: timedelta) -> Email:
    """To somebody who registered an address that has no user: proves that they read its mail."""
    return Email(
        to,
        "Confirm your address for Dashtam",
        "Somebody, probably you, registered this address with Dashtam. To finish, enter this code together with the "
        f"password that you chose:\n\n    {code.get_secret_value()}\n\nIt is good for {_hours(ttl)} and for one use. "
        "If it was not you, do nothing: without this code nothing happens.\n",
    )


def known_address_email(to: str) -> Email:
    """To the user of an address that somebody registered again."""
    return Email(
        to,
        "You have a Dashtam account already",
        "Somebody, probably you, registered this address with Dashtam again. You have an account already: sign in, or "
        "ask for a new password if you forgot it. If it was not you, do nothing: nothing has changed.\n",
    )


def reset_email(to: str, code: SecretStr, *, ttl: timedelta) -> Email:
    """To a user who forgot the password."""
    return Email(
        to,
        "A new password for Dashtam",
        "Somebody, probably you, forgot the password of this address. To choose a new one, enter this code:\n\n"
        f"    {code.get_secret_value()}\n\nIt is good for {_hours(ttl)} and for one use. All devices will be signed "
        "out. If it was not you, do nothing: nothing has changed.\n",
    )


def unknown_address_email(to: str) -> Email:
    """To an address without a user, for which somebody forgot the password."""
    return Email(
        to,
        "No Dashtam account has this address",
        "Somebody, probably you, asked Dashtam for a new password for this address, but no account has it. Did you "
        "register with another one? If it was not you, do nothing.\n",
    )


def password_changed_email(to: str) -> Email:
    """To a user whose password was changed (OWASP ASVS 5.0, 6.3.7)."""
    return Email(
        to,
        "Your Dashtam password was changed",
        "The password of your Dashtam account was changed. If it was not you, ask for a new one at once, which signs "
        "out everybody.\n",
    )


def _hours(ttl: timedelta) -> str:
    minutes = int(ttl.total_seconds() // 60)
    return f"{minutes // 60} hours" if minutes >= 120 else f"{minutes} minutes"
