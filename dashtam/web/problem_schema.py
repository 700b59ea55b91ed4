"""What every failure looks like (RFC 9457)."""

from pydantic import BaseModel, Field


class InvalidPart(BaseModel):
    """One part of a request that was not understood."""

    name: str = Field(examples=["limit"])
    message: str = Field(examples=["Input should be less than or equal to 100"])


class Problem(BaseModel):
    """Why a request failed, as application/problem+json (RFC 9457)."""

    type: str = Field(description="Names the kind of problem.", examples=["urn:dashtam:problem:not_found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str
    code: str = Field(description="The last part of the type.", examples=["not_found"])
    trace_id: str = Field(description="Finds this request in the logs; also in the header X-Trace-Id.")
    errors: list[InvalidPart] | None = Field(None, description="What was not understood, part by part.")
