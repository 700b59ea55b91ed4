"""The tables, as Tortoise models."""

from dashtam.models.audit import AuditEntry, AuditHead, Outcome
from dashtam.models.authorization import AuthorizationRequest
from dashtam.models.code import CodePurpose, OneTimeCode
from dashtam.models.connection import ConnectionReason, ConnectionStatus, ProviderConnection
from dashtam.models.encryption_key import EncryptionKey, KeyState
from dashtam.models.idempotency import StoredAnswer
from dashtam.models.provider import Authorization, Provider
from dashtam.models.revocation import Revocation
from dashtam.models.second_factor import RecoveryCode, SecondFactor
from dashtam.models.session import SessionKind, SessionToken, TokenKind, UserSession
from dashtam.models.token import ProviderToken
from dashtam.models.user import Role, User

# Tortoise reads this list instead of guessing from dir(); the order is that of the foreign keys.
__models__ = [
    User,
    Provider,
    ProviderConnection,
    ProviderToken,
    AuditEntry,
    AuditHead,
    OneTimeCode,
    UserSession,
    SessionToken,
    SecondFactor,
    RecoveryCode,
    StoredAnswer,
    AuthorizationRequest,
    Revocation,
    EncryptionKey,
]

__all__ = [
    "AuditEntry",
    "AuditHead",
    "Authorization",
    "AuthorizationRequest",
    "CodePurpose",
    "ConnectionReason",
    "ConnectionStatus",
    "EncryptionKey",
    "KeyState",
    "OneTimeCode",
    "Outcome",
    "Provider",
    "ProviderConnection",
    "ProviderToken",
    "RecoveryCode",
    "Revocation",
    "Role",
    "SecondFactor",
    "SessionKind",
    "SessionToken",
    "StoredAnswer",
    "TokenKind",
    "User",
    "UserSession",
]
