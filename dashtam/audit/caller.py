"""Who a request comes from, as far as the network tells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """Address and user agent, for the audit trail and for the list of sessions; neither proves anything."""

    ip: str | None = None
    user_agent: str | None = None


UNKNOWN = Caller()
