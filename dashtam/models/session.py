"""The session of a browser, a program or a personal access token, and the tokens that authenticate it."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields

from dashtam.models.base import Row
from dashtam.models.user import User


class SessionKind(StrEnum):
    """The kind of client that holds the tokens."""

    BROWSER = "browser"
    PROGRAM = "program"
    PERSONAL = "personal"


class TokenKind(StrEnum):
    """What a token gives access to: the API, or the next pair of tokens."""

    ACCESS = "access"
    REFRESH = "refresh"


class UserSession(Row):
    """A session begins with a sign-in and ends with a sign-out or its expiry; its tokens end with it."""

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.CASCADE, db_index=True
    )
    kind = fields.CharEnumField(SessionKind, max_length=16, description="browser, program or personal.")
    name = fields.CharField(max_length=100, description="As the user calls it.")
    scopes = fields.CharField(max_length=64, description="Space-separated: read, write.")
    expires_at = fields.DatetimeField(db_index=True, description="Whatever happens until then.")
    last_seen_at = fields.DatetimeField(description="To the minute.")
    ip = fields.CharField(max_length=45, null=True)
    user_agent = fields.CharField(max_length=512, null=True)

    user_id: UUID

    class Meta:
        table = "sessions"
        table_description = "Who is signed in; deleting a row signs out."


class SessionToken(Row):
    """The hash of a session's token; used refresh tokens are kept, to detect their reuse."""

    session: fields.ForeignKeyRelation[UserSession] = fields.ForeignKeyField(
        "models.UserSession", related_name="tokens", on_delete=fields.CASCADE, db_index=True
    )
    kind = fields.CharEnumField(TokenKind, max_length=16, description="access or refresh.")
    token_hash = fields.CharField(max_length=64, unique=True, description="SHA-256, in hexadecimal.")
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True, description="When a refresh token was exchanged.")

    session_id: UUID

    class Meta:
        table = "session_tokens"
        table_description = "Hashes of the tokens that prove a session."
