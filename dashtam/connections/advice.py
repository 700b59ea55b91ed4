"""What a user can do about a connection, in words of ours."""

from typing import Final

from dashtam.models import ConnectionReason, ConnectionStatus

_BY_STATUS: Final = {
    ConnectionStatus.PENDING: (
        "Open the link that you were given, within ten minutes of asking for it. For another link, reconnect."
    ),
    ConnectionStatus.ACTIVE: "Nothing: it works.",
    ConnectionStatus.EXPIRED: "Reconnect: the provider asks you to sign in again from time to time.",
    ConnectionStatus.REVOKED: "Reconnect, if you want Dashtam to read this again.",
    ConnectionStatus.FAILED: "Reconnect. If it fails again, ask whoever runs this installation.",
}
_BY_REASON: Final = {
    ConnectionReason.DENIED: "Reconnect, and agree on the provider's page.",
    ConnectionReason.GRANT_REFUSED: "Reconnect: the provider does not let Dashtam in any more.",
    ConnectionReason.REFRESH_EXPIRED: "Reconnect: the time that the provider allows has run out.",
    ConnectionReason.ACCESS_EXPIRED: "Reconnect: the time that the provider allows has run out.",
    ConnectionReason.SCOPE_MISSING: "Reconnect, and leave every permission that Dashtam asks for switched on.",
    ConnectionReason.CLIENT_REFUSED: (
        "Nothing: whoever runs this installation has to mend its settings for this provider."
    ),
    ConnectionReason.UNREADABLE: "Reconnect: what was stored cannot be read any more.",
    ConnectionReason.DISCONNECTED: "Reconnect, if you want Dashtam to read this again.",
}
_TROUBLED: Final = "Nothing: the provider does not answer as it should, and Dashtam keeps trying."
_NOT_CONNECTED: Final = "Wait a while: the provider does not answer as it should. If that lasts, reconnect."


def advise(status: ConnectionStatus, reason: ConnectionReason | None) -> str:
    """Say in a sentence or two what the user can do about a connection that stands so."""
    if reason is ConnectionReason.PROVIDER_FAILING:
        return _NOT_CONNECTED if status is ConnectionStatus.FAILED else _TROUBLED
    return _BY_STATUS[status] if reason is None else _BY_REASON[reason]
