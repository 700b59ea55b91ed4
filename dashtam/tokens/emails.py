"""The e-mails about a connection that expires soon or has expired."""

from datetime import datetime

from dashtam.mail.email import Email


def connection_ending_email(to: str, provider: str, alias: str, *, ends_at: datetime) -> Email:
    """Build the e-mail to a user whose grant expires at `ends_at`, unless the user connects again."""
    return Email(
        to,
        f"Connect {provider} again soon",
        f'{provider} lets Dashtam read your connection "{alias}" until {ends_at:%Y-%m-%d %H:%M} UTC. After that, '
        f"{provider} requires you to sign in there again. To avoid a gap in your data, connect it again in Dashtam "
        "before then. Dashtam never asks for your bank password by e-mail.\n",
    )


def connection_expired_email(to: str, provider: str, alias: str) -> Email:
    """Build the e-mail to a user whose grant the provider no longer accepts."""
    return Email(
        to,
        f"Connect {provider} again",
        f'{provider} no longer lets Dashtam read your connection "{alias}". Data that was already read is kept. To '
        "continue, connect it again in Dashtam. To end the connection, do nothing. Dashtam never asks for your bank "
        "password by e-mail.\n",
    )
