"""What the sandbox can be told to do otherwise: every way in which providers were seen to surprise their clients."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashtam.cache import Cache, sandbox_key
from dashtam.errors import InvalidRequest
from dashtam.sandbox.store import KEPT

Fault = Literal["none", "400", "401", "429", "503", "html", "huge", "bad_json", "redirect", "hang_up"]
Omitted = Literal["refresh_token", "expires_in", "scope"]


class Knobs(BaseModel):
    """Each at rest where the sandbox does what the standards say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Tokens and codes
    access_seconds: int = Field(300, ge=1, le=86_400)
    refresh_seconds: int = Field(604_800, ge=1, le=31_536_000)
    refresh_is_fixed: bool = Field(
        False, description="Refreshing leaves the end of the refresh token where it was."
    )
    code_seconds: int = Field(30, ge=1, le=600)
    accepts_code_twice: bool = False
    ignores_pkce: bool = False
    rotates: bool = Field(True, description="Refreshing replaces the refresh token.")
    revokes_family_on_reuse: bool = True
    grace_seconds: int = Field(30, ge=0, le=86_400, description="How long a replaced refresh token is taken.")
    # What the token endpoint says
    omits: frozenset[Omitted] = frozenset()
    narrowed_scope: str = Field("", max_length=200, pattern=r"^[a-z ]*$")
    token_type: str = Field("Bearer", max_length=32, pattern=r"^[A-Za-z]+$")
    clock_offset_seconds: int = Field(0, ge=-86_400, le=86_400, description="Of the sandbox's own clock.")
    # How the token endpoint fails
    fault: Fault = "none"
    fault_times: int = Field(
        0, ge=0, le=1_000_000, description="For so many requests; 0: until told otherwise."
    )
    fault_error: str = Field("invalid_grant", max_length=64, pattern=r"^[a-z_]+$")
    retry_after: str = Field("", max_length=64, pattern=r"^[\x20-\x7e]*$")
    delay_seconds: float = Field(0.0, ge=0.0, le=25.0)
    loses_answers: bool = Field(
        False, description="Does what it is asked, and hangs up instead of answering."
    )
    # What the browser brings back
    issuer: Literal["right", "wrong", "none"] = "right"
    denies: bool = False
    denial: str = Field("", max_length=2000, description="error_description of a denial, sent as it is.")
    # Revocation
    revocation: Literal[200, 400, 503] = 200

    @classmethod
    async def read(cls, cache: Cache) -> Self:
        """Read what the sandbox was told last."""
        kept = await cache.recall(_KEY)
        return cls.model_validate_json(kept) if kept else cls()

    @classmethod
    async def write(cls, cache: Cache, body: bytes) -> Self:
        """Tell the sandbox what to do from now on; what is not named is put to rest.

        Raises:
            InvalidRequest: a knob is unknown, or cannot be turned so far.
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
        """How the token endpoint fails this time."""
        if self.fault == "none" or self.fault_times == 0:
            return self.fault
        return self.fault if await cache.count(_SPENT, window=KEPT) <= self.fault_times else "none"


_KEY = sandbox_key("knobs", "all")
_SPENT = sandbox_key("knobs", "faults")
