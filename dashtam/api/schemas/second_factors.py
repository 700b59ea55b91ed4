"""The second factor, as its user sees it."""

from pydantic import BaseModel, Field, SecretStr

from dashtam.api.schemas.users import Request


class FactorCode(Request):
    """What the authenticator app shows."""

    one_time_password: SecretStr = Field(max_length=64, examples=["123456"])


class SecondFactorState(BaseModel):
    """Whether a second factor is asked for."""

    is_on: bool
    recovery_codes_left: int


class Enrolled(BaseModel):
    """What an authenticator app needs, shown this once."""

    secret: str = Field(description="Base32, to be typed.")
    uri: str = Field(description="otpauth://..., to be shown as a QR code.")


class RecoveryCodes(BaseModel):
    """Each stands in for the app once; shown this once."""

    recovery_codes: list[str]
