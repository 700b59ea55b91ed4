"""The e-mails about a connection that ends or has ended."""

from datetime import datetime

from dashtam.mail.email import Email


def connection_ending_email(to: str, provider: str, alias: str, *, ends_at: datetime) -> Email:
    """To a user whose provider wants to be asked again soon."""
    return Email(
        to,
        f"{provider} wants you to connect again soon",
        f'{provider} lets Dashtam read your connection "{alias}" until {ends_at:%Y-%m-%d %H:%M} UTC, and then wants '
        "you to sign in there again. Connect it again in Dashtam before, and nothing is missed. Dashtam never asks "
        "for the password of your bank by mail.\n",
    )


def connection_expired_email(to: str, provider: str, alias: str) -> Email:
    """To a user whose provider does not let us in any more."""
    return Email(
        to,
        f"{provider} has to be connected again",
        f'{provider} does not let Dashtam read your connection "{alias}" any more. What was read stays. To go on, '
        "connect it again in Dashtam; if you want it to end, do nothing. Dashtam never asks for the password of your "
        "bank by mail.\n",
    )
