"""The tables, as Tortoise models."""

from dashtam.models.audit import AuditEntry, Outcome
from dashtam.models.connection import ConnectionStatus, ProviderConnection
from dashtam.models.provider import Authorization, Provider
from dashtam.models.token import ProviderToken
from dashtam.models.user import User

# Tortoise reads this list instead of guessing from dir(); the order is that of the foreign keys.
__models__ = [User, Provider, ProviderConnection, ProviderToken, AuditEntry]

__all__ = [
    "AuditEntry",
    "Authorization",
    "ConnectionStatus",
    "Outcome",
    "Provider",
    "ProviderConnection",
    "ProviderToken",
    "User",
]
