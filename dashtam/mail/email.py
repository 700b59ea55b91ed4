"""The message that every e-mail of Dashtam is built from."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Email:
    """A text for one address; the text is not in the repr, because it may hold a code."""

    to: str
    subject: str
    text: str = field(repr=False)
