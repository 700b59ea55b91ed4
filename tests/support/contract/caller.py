"""Somebody who has signed in and tries the API against its document, and signs in again when that ended the session."""

import os
import ssl
from dataclasses import asdict, dataclass, replace
from typing import Final

import httpx

_PREFIX: Final = "CONTRACT_"


@dataclass(frozen=True)
class Caller:
    """Who calls, and with which access token."""

    url: str
    authority: str
    """File of the certificate that signs the server's."""
    email: str
    password: str
    token: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """What the environment of schemathesis holds for `read_caller`."""
        return {f"{_PREFIX}{name.upper()}": value for name, value in asdict(self).items()}

    def signed_in(self, *, ip: str) -> "Caller":
        """The same caller in a new session, which begins at an address of its own: attempts are counted by it."""
        context = ssl.create_default_context(cafile=self.authority)
        body = {"email": self.email, "password": self.password}
        response = httpx.post(
            f"{self.url}/api/v1/sessions",
            json=body,
            headers={"X-Forwarded-For": ip},
            verify=context,
            timeout=60,
        )
        assert response.status_code == httpx.codes.CREATED, response.text
        return replace(self, token=response.json()["access_token"])


def read_caller() -> Caller | None:
    """The caller whom the environment names; None: nobody has signed in."""
    fields = {name: os.environ.get(f"{_PREFIX}{name.upper()}", "") for name in Caller.__dataclass_fields__}
    return Caller(**fields) if fields["token"] else None
