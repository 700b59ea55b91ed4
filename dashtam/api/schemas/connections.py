"""Connections, as their user sees them; no shape here has a place for a token."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from dashtam.api.schemas.sessions import Name
from dashtam.api.schemas.users import Request

StatusName = Literal["pending", "active", "expired", "revoked", "failed"]
ReasonName = Literal[
    "denied",
    "grant_refused",
    "refresh_expired",
    "access_expired",
    "scope_missing",
    "client_refused",
    "provider_failing",
    "unreadable",
    "disconnected",
]
ReturnPath = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Secrets = Annotated[dict[Annotated[str, StringConstraints(max_length=64)], SecretStr], Field(max_length=16)]


class Reconnecting(Request):
    """A connection shall be given a new grant."""

    return_path: ReturnPath | None = Field(
        None, description="Where the last page leads back to: one of RETURN_PATHS.", examples=["/docs"]
    )
    secrets: Secrets | None = Field(
        None, description="For a provider that gave you something to copy: each thing under its name."
    )


class Connecting(Reconnecting):
    """A provider shall be connected."""

    provider_key: str = Field(pattern="^[a-z0-9_-]{1,64}$", examples=["sandbox"])
    alias: Name = Field(
        description="What you call it; no other connection of yours has it.", examples=["Savings"]
    )


class Naming(Request):
    """What a connection shall be called."""

    alias: Name


class ConnectionEntry(BaseModel):
    """One of your links with a provider."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    provider_key: str
    alias: str
    status: StatusName
    reason: ReasonName | None = Field(description="Why it stands there, where that needs a word.")
    advice: str = Field(description="What you can do.")
    scopes: list[str] = Field(description="What the provider granted.")
    created_at: datetime
    connected_at: datetime | None = Field(description="When it first became active.")
    expires_at: datetime | None = Field(
        description="When the access ends that Dashtam holds now; it is refreshed before, where that is possible."
    )
    refresh_expires_at: datetime | None = Field(
        description="When you have to connect again at the latest; null: nobody knows, or never."
    )


class ConnectionBegun(ConnectionEntry):
    """A connection, and how to go on."""

    link: str | None = Field(
        description="To be opened in a browser, in which the provider then asks you; null: it is active already."
    )
    link_expires_at: datetime | None


class ConnectionList(BaseModel):
    """A page of your connections, the oldest first."""

    items: list[ConnectionEntry]
    next: str | None = Field(description="Path and query of the next page; null on the last one.")


class ConnectionQuery(BaseModel):
    """Which part of your connections."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100, description="Most entries of a page.")
    after: UUID = Field(UUID(int=0), description="Only connections that were made after this one.")
