"""What an endpoint promises beside its shapes: headers that it reads and sends, and how else it can fail."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_ATTRIBUTE: Final = "_dashtam_traits"


@dataclass(frozen=True)
class Header:
    """A header of a request or of an answer."""

    name: str
    description: str
    schema: dict[str, Any]
    is_required: bool = False

    def document(self) -> dict[str, Any]:
        """As OpenAPI writes it in an answer."""
        return {"description": self.description, "required": self.is_required, "schema": self.schema}


@dataclass(frozen=True)
class Trait:
    """One promise; documentation.py writes it into the operation."""

    reads: tuple[Header, ...] = ()
    sends: tuple[Header, ...] = ()
    """On answers below 400."""
    answers: tuple[tuple[HTTPStatus, str], ...] = ()
    """Answers without a body, and what they mean."""
    fails: tuple[HTTPStatus, ...] = ()


def promise(*traits: Trait) -> Callable[[Endpoint], Endpoint]:
    """Write traits of an endpoint down."""

    def decorate(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, (*traits_of(endpoint), *traits))
        return endpoint

    return decorate


def traits_of(endpoint: Callable[..., Any]) -> tuple[Trait, ...]:
    """What was written down of an endpoint."""
    traits: tuple[Trait, ...] = getattr(endpoint, _ATTRIBUTE, ())
    return traits
