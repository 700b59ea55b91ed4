"""The catalogue of providers, as clients see it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ProviderEntry(BaseModel):
    """An institution, or an aggregator of institutions."""

    key: str = Field(description="Stable name, used in paths.", examples=["schwab"])
    name: str = Field(examples=["Charles Schwab"])
    description: str
    website: str = Field(examples=["https://www.schwab.com"])
    authorization: Literal["oauth2", "hosted_link", "claim_token", "none"] = Field(
        description="How the provider lets us in."
    )
    is_available: bool = Field(description="Whether this installation can connect to it.")


class ProviderList(BaseModel):
    """A page of the catalogue, in the order of the keys."""

    items: list[ProviderEntry]
    next: str | None = Field(
        description="Path and query of the next page; null on the last one.",
        examples=["/api/v1/providers?limit=20&after=schwab"],
    )


class ProviderQuery(BaseModel):
    """Which part of the catalogue."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100, description="Most entries of a page.")
    after: str = Field(
        "", pattern=r"^[a-z0-9_]{0,64}$", description="Only entries whose key comes after this one."
    )
