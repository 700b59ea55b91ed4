"""Users, as they see themselves."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

RoleName = Literal["user", "read_only", "admin"]


class Request(BaseModel):
    """What a client sends: nothing beyond what is described."""

    model_config = ConfigDict(extra="forbid")


class Registration(Request):
    """Somebody would like to be a user."""

    email: str = Field(max_length=254, examples=["ada@example.com"])
    password: SecretStr = Field(max_length=1024, description="15 to 128 characters, of any kind.")


class Verification(Request):
    """The code from the letter, and the password that was registered with it."""

    code: SecretStr = Field(max_length=128)
    password: SecretStr = Field(max_length=1024)


class Confirmation(Request):
    """The password, once more, and the second factor of who has one."""

    password: SecretStr = Field(max_length=1024)
    one_time_password: SecretStr | None = Field(
        None, max_length=64, description="What the authenticator app shows, or a recovery code."
    )


class PasswordChange(Confirmation):
    """The password until now, and the new one."""

    new_password: SecretStr = Field(max_length=1024, description="15 to 128 characters, of any kind.")


class ResetRequest(Request):
    """Somebody forgot the password of an address."""

    email: str = Field(max_length=254, examples=["ada@example.com"])


class ResetCompletion(Request):
    """The code from the letter, and a new password."""

    code: SecretStr = Field(max_length=128)
    new_password: SecretStr = Field(max_length=1024, description="15 to 128 characters, of any kind.")


class RoleChange(Request):
    """What a user shall be allowed to do."""

    role: RoleName


class UserEntry(BaseModel):
    """A user."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    role: RoleName
    created_at: datetime


class UserList(BaseModel):
    """A page of users, the oldest first."""

    items: list[UserEntry]
    next: str | None = Field(description="Path and query of the next page; null on the last one.")


class UserQuery(BaseModel):
    """Which part of the users."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100, description="Most entries of a page.")
    after: UUID = Field(UUID(int=0), description="Only users that were made after this one.")


class EmailSent(BaseModel):
    """A letter is on its way; it says what comes next."""

    status: Literal["letter_sent"] = "letter_sent"
