"""Stores rows for tests; a test passes only the values that matter to it."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from dashtam.models import (
    AuditEntry,
    Authorization,
    AuthorizationRequest,
    CodePurpose,
    ConnectionStatus,
    OneTimeCode,
    Outcome,
    Provider,
    ProviderConnection,
    ProviderToken,
    RecoveryCode,
    Revocation,
    SecondFactor,
    SessionKind,
    SessionToken,
    StoredAnswer,
    TokenKind,
    User,
    UserSession,
)

_numbers = count(1)


async def make_user(**values: object) -> User:
    """Store a user with a unique address."""
    defaults: dict[str, Any] = {"email": f"user{next(_numbers)}@example.com", "password_hash": "scrypt:x"}
    return await User.create(**defaults | values)


async def make_provider(**values: object) -> Provider:
    """Store a provider with a unique key."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "key": f"bank_{number:04}",
        "name": f"Bank {number}",
        "description": "An invented bank.",
        "website": "https://bank.example.com",
        "authorization": Authorization.OAUTH2,
    }
    return await Provider.create(**defaults | values)


async def make_connection(**values: object) -> ProviderConnection:
    """Store an active connection; a missing user or provider is created."""
    defaults: dict[str, Any] = {
        "user": values.get("user") or await make_user(),
        "provider": values.get("provider") or await make_provider(),
        "alias": f"account {next(_numbers)}",
        "status": ConnectionStatus.ACTIVE,
        "connected_at": datetime.now(UTC),
    }
    return await ProviderConnection.create(**defaults | values)


async def make_token(**values: object) -> ProviderToken:
    """Store a token that is valid for 30 minutes; a missing connection is created."""
    defaults: dict[str, Any] = {
        "connection": values.get("connection") or await make_connection(),
        "access_token_sealed": b"sealed access",
        "refresh_token_sealed": b"sealed refresh",
        "key_id": "test",
        "expires_at": datetime.now(UTC) + timedelta(minutes=30),
        "refresh_expires_at": datetime.now(UTC) + timedelta(days=7),
        "scope": "read",
    }
    return await ProviderToken.create(**defaults | values)


async def make_code(**values: object) -> OneTimeCode:
    """Store a code for a password reset."""
    defaults: dict[str, Any] = {
        "purpose": CodePurpose.PASSWORD_RESET,
        "email": "user@example.com",
        "code_hash": f"{next(_numbers):064x}",
        "expires_at": datetime.now(UTC) + timedelta(minutes=30),
    }
    return await OneTimeCode.create(**defaults | values)


async def make_session(**values: object) -> UserSession:
    """Store the session of a program; a missing user is created."""
    defaults: dict[str, Any] = {
        "user": values.get("user") or await make_user(),
        "kind": SessionKind.PROGRAM,
        "name": "laptop",
        "scopes": "read write",
        "expires_at": datetime.now(UTC) + timedelta(days=30),
        "last_seen_at": datetime.now(UTC),
    }
    return await UserSession.create(**defaults | values)


async def make_session_token(**values: object) -> SessionToken:
    """Store an access token; a missing session is created."""
    defaults: dict[str, Any] = {
        "session": values.get("session") or await make_session(),
        "kind": TokenKind.ACCESS,
        "token_hash": f"{next(_numbers):064x}",
        "expires_at": datetime.now(UTC) + timedelta(minutes=15),
    }
    return await SessionToken.create(**defaults | values)


async def make_second_factor(**values: object) -> SecondFactor:
    """Store an authenticator app that is not confirmed; a missing user is created."""
    defaults: dict[str, Any] = {
        "user": values.get("user") or await make_user(),
        "secret_sealed": b"sealed",
        "key_id": "test",
    }
    return await SecondFactor.create(**defaults | values)


async def make_recovery_code(**values: object) -> RecoveryCode:
    """Store a recovery code; a missing user is created."""
    defaults: dict[str, Any] = {
        "user": values.get("user") or await make_user(),
        "code_hash": f"{next(_numbers):064x}",
    }
    return await RecoveryCode.create(**defaults | values)


async def make_attempt(**values: object) -> AuthorizationRequest:
    """Store an authorization request that a browser has opened; a missing connection is created."""
    given = values.pop("connection", None)
    connection = given if isinstance(given, ProviderConnection) else await make_connection()
    defaults: dict[str, Any] = {
        "user_id": connection.user_id,
        "connection": connection,
        **{name: f"{next(_numbers):064x}" for name in ("ticket_hash", "browser_hash", "state_hash")},
        "verifier_sealed": b"sealed",
        "key_id": "test",
        "expires_at": datetime.now(UTC) + timedelta(minutes=10),
    }
    return await AuthorizationRequest.create(**defaults | values)


async def make_revocation(**values: object) -> Revocation:
    """Store a pending revocation, of a user and a connection that no longer exist."""
    defaults: dict[str, Any] = {
        "provider": values.get("provider") or await make_provider(),
        "user_id": uuid4(),
        "connection_id": uuid4(),
        "token_sealed": b"sealed",
        "token_type_hint": "refresh_token",
        "key_id": "test",
        "due_at": datetime.now(UTC),
        "expires_at": datetime.now(UTC) + timedelta(days=1),
    }
    return await Revocation.create(**defaults | values)


async def make_stored_answer(**values: object) -> StoredAnswer:
    """Store a response for an idempotency key; a missing user is created."""
    defaults: dict[str, Any] = {
        "user_id": values.get("user_id") or (await make_user()).id,
        "route": "/",
        "key_hash": f"{next(_numbers):064x}",
        "answer_sealed": b"sealed",
        "expires_at": datetime.now(UTC) + timedelta(days=1),
    }
    return await StoredAnswer.create(**defaults | values)


async def make_audit_entry(**values: object) -> AuditEntry:
    """Store an audit entry without a subject, at a unique position outside the chain."""
    defaults: dict[str, Any] = {
        "sequence": 2**62 + next(_numbers),
        "hash": bytes(32),
        "actor": "system",
        "action": "connection.activated",
        "outcome": Outcome.SUCCEEDED,
    }
    return await AuditEntry.create(**defaults | values)
