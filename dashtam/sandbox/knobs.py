"""The knobs of the sandbox: each makes it misbehave in a way that was seen at real providers."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashtam.cache import Cache, sandbox_key
from dashtam.errors import InvalidRequest
from dashtam.sandbox.store import KEPT

Fault = Literal["none", "400", "401", "429", "503", "html", "huge", "bad_json", "redirect", "hang_up"]
Omitted = Literal["refresh_token", "expires_in", "scope"]


class Knobs(BaseModel):
    """The values of all knobs; with the defaults, the sandbox follows the standards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Tokens and codes
    access_seconds: int = Field(300, ge=1, le=86_400)
    refresh_seconds: int = Field(604_800, ge=1, le=31_536_000)
    refresh_is_fixed: bool = Field(
        False, description="Whether a refresh keeps the expiry of the refresh token."
    )
    code_seconds: int = Field(30, ge=1, le=600)
    accepts_code_twice: bool = False
    ignores_pkce: bool = False
    rotates: bool = Field(True, description="Whether a refresh replaces the refresh token.")
    revokes_family_on_reuse: bool = True
    grace_seconds: int = Field(
        30, ge=0, le=86_400, description="How long a replaced refresh token is still accepted."
    )
    # Contents of token responses
    omits: frozenset[Omitted] = frozenset()
    narrowed_scope: str = Field("", max_length=200, pattern=r"^[a-z ]*$")
    token_type: str = Field("Bearer", max_length=32, pattern=r"^[A-Za-z]+$")
    clock_offset_seconds: int = Field(
        0, ge=-86_400, le=86_400, description="The offset of the sandbox's clock."
    )
    # Faults of the token endpoint
    fault: Fault = "none"
    fault_times: int = Field(
        0, ge=0, le=1_000_000, description="The number of failing requests; 0: no limit."
    )
    fault_error: str = Field("invalid_grant", max_length=64, pattern=r"^[a-z_]+$")
    retry_after: str = Field("", max_length=64, pattern=r"^[\x20-\x7e]*$")
    delay_seconds: float = Field(0.0, ge=0.0, le=25.0)
    loses_answers: bool = Field(
        False, description="Whether a token request is processed, but its response breaks off."
    )
    # Parameters of the redirect
    issuer: Literal["right", "wrong", "none"] = "right"
    denies: bool = False
    denial: str = Field("", max_length=2000, description="The error_description of a denial, sent unchanged.")
    # Revocation
    revocation: Literal[200, 400, 503] = 200

    @classmethod
    async def read(cls, cache: Cache) -> Self:
        """Return the knobs as they were last set."""
        kept = await cache.recall(_KEY)
        return cls.model_validate_json(kept) if kept else cls()

    @classmethod
    async def write(cls, cache: Cache, body: bytes) -> Self:
        """Set the knobs to a JSON object, and return them; knobs that it does not name are reset.

        Raises:
            InvalidRequest: a knob is unknown, or its value is out of range.
        """
        try:
            knobs = cls.model_validate_json(body or b"{}")
        except ValidationError as error:
            parts = [
                (".".join(map(str, wrong["loc"])), wrong["msg"]) for wrong in error.errors(include_url=False)
            ]
            raise InvalidRequest(parts=parts) from None
        await cache.put(_KEY, knobs.model_dump_json(), ttl=KEPT)
        await cache.put(_SPENT, "0", ttl=KEPT)
        return knobs

    async def next_fault(self, cache: Cache) -> Fault:
        """Return the fault of the next token request, and count it."""
        if self.fault == "none" or self.fault_times == 0:
            return self.fault
        return self.fault if await cache.count(_SPENT, window=KEPT) <= self.fault_times else "none"


_KEY = sandbox_key("knobs", "all")
_SPENT = sandbox_key("knobs", "faults")
