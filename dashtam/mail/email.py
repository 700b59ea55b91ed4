"""The message that every e-mail of Dashtam is built from."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Email:
    """A letter to one address; its text may hold a code, so that it does not show in its repr."""

    to: str
    subject: str
    text: str = field(repr=False)
