"""The e-mails about a connection that ends or has ended."""

from datetime import datetime

from dashtam.mail.letter import Letter


def connection_ending_letter(to: str, provider: str, alias: str, *, ends_at: datetime) -> Letter:
    """To a user whose provider wants to be asked again soon."""
    return Letter(
        to,
        f"{provider} wants you to connect again soon",
        f'{provider} lets Dashtam read your connection "{alias}" until {ends_at:%Y-%m-%d %H:%M} UTC, and then wants '
        "you to sign in there again. Connect it again in Dashtam before, and nothing is missed. Dashtam never asks "
        "for the password of your bank by mail.\n",
    )


def connection_expired_letter(to: str, provider: str, alias: str) -> Letter:
    """To a user whose provider does not let us in any more."""
    return Letter(
        to,
        f"{provider} has to be connected again",
        f'{provider} does not let Dashtam read your connection "{alias}" any more. What was read stays. To go on, '
        "connect it again in Dashtam; if you want it to end, do nothing. Dashtam never asks for the password of your "
        "bank by mail.\n",
    )
