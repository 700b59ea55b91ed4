"""Health, as probes and people see it."""

from typing import Literal

from pydantic import BaseModel, Field


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"]


class Check(BaseModel):
    """One thing that the process needs."""

    state: Literal["ready", "not_ready"]
    reason: str
    database: str | None = Field(None, description="The database really connected to.")
    head: str | None = Field(None, description="The newest migration that is applied.")
    index: str | None = Field(None, description="The index of the Redis database.")


class Readiness(BaseModel):
    """Whether the process can do its work, and what it lacks."""

    status: Literal["ready", "not_ready"]
    environment: Literal["development", "testing", "production"]
    checks: dict[str, Check]
