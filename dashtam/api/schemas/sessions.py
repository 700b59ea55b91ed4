"""Sessions and personal access tokens, as their user sees them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from dashtam.api.schemas.users import Confirmation, Request

# Stripped behind the pattern, so that the document says exactly what is taken.
Name = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
    ),
    AfterValidator(str.strip),
]


class SignIn(Confirmation):
    """Address and password, and the second factor of who has one."""

    email: str = Field(max_length=254, examples=["ada@example.com"])
    kind: Literal["program", "browser"] = Field(
        "program", description="A program is given tokens, a browser a cookie that its scripts cannot read."
    )
    name: Name = Field("unnamed", description="What to call the session.", examples=["Ada's laptop"])


class Refresh(Request):
    """A refresh token that was not used yet."""

    refresh_token: SecretStr = Field(max_length=128)


class Renaming(Request):
    """Another name for a session."""

    name: Name


class SessionEntry(BaseModel):
    """A session."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: Literal["program", "browser"]
    name: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None
    is_current: bool = False


class SessionList(BaseModel):
    """The sessions of a user, the newest first."""

    items: list[SessionEntry]


class SignedIn(BaseModel):
    """A session that has begun, or goes on; for programs with its tokens, which are shown this once (RFC 6749, 5.1)."""

    session: SessionEntry
    access_token: str | None = None
    token_type: Literal["Bearer"] | None = None
    expires_in: int | None = Field(None, description="Seconds until the access token is refused.")
    refresh_token: str | None = None


class PersonalTokenRequest(Confirmation):
    """A token for a script; the password shows that it is really you who wants it."""

    name: Name
    scope: Literal["read", "write"] = "read"
    days: int = Field(90, ge=1, le=366, description="Until it expires.")


class PersonalTokenEntry(BaseModel):
    """A personal access token, without the token."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    scopes: str = Field(examples=["read write"])
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class PersonalTokenList(BaseModel):
    """The personal access tokens of a user, the newest first."""

    items: list[PersonalTokenEntry]


class PersonalTokenMade(PersonalTokenEntry):
    """A personal access token, with the token, which is shown this once."""

    token: str
