"""Says what is wrong with which part of a request, without repeating what was sent."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_MAX_PARTS: Final = 20
_MAX_CHARACTERS: Final = 64


def wrong_parts(error: ValidationError) -> list[tuple[str, str]]:
    """Name at most twenty parts, and what was expected of each.

    The message of a validator of our own is told as it stands: it must not quote the value either.
    """
    details = error.errors(include_url=False, include_input=False)[:_MAX_PARTS]
    return [(_name_of(detail["loc"]), _expected(detail)) for detail in details]


def unstorable_parts(value: object) -> list[tuple[str, str]]:
    """Name at most twenty texts that UTF-8 or PostgreSQL cannot hold."""
    wrong = "Input should not hold U+0000 or half of a surrogate pair"
    return [(_name_of(place) or "body", wrong) for place in islice(_unstorable(value, ()), _MAX_PARTS)]


def _unstorable(value: object, place: tuple[int | str, ...]) -> Iterator[tuple[int | str, ...]]:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
            yield place
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _unstorable(key, (*place, key))
            yield from _unstorable(member, (*place, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _unstorable(member, (*place, index))


def _name_of(place: tuple[int | str, ...]) -> str:
    """Write the way to a part with dots; it is cut short, and holds nothing that UTF-8 cannot say."""
    name = ".".join(map(str, place))[:_MAX_CHARACTERS]
    return name.encode(errors="replace").decode()


def _expected(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "union_tag_invalid":  # pydantic's message quotes the tag that was sent
        return f"Input should have one of the tags {context['expected_tags']}"
    message = detail["msg"].removeprefix("Value error, ")
    # What a parser found wrong, down to the character that it met.
    for cause in (context.get("error"), context.get("reason")):
        if isinstance(cause, str):
            message = message.removesuffix(cause).rstrip(", :")
    return message
