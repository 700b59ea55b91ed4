"""JSON bodies: that of a request is read into a typed shape, that of a response is written from one.

`document_request` puts the shape into the OpenAPI document.

What is taken is I-JSON (RFC 7493): UTF-8, no member twice, no number beyond a double, no half of a surrogate pair.
"""

import json
import math
import re
from http import HTTPStatus
from typing import Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from quart import Response, request

from dashtam.errors import InvalidBody
from dashtam.web.errors import MalformedBody, UnsupportedBody
from dashtam.web.invalid_parts import unstorable_parts, wrong_parts

Body = TypeVar("Body", bound=BaseModel)

MAX_NESTING: Final = 32
_EXACT: Final = 2**53
"""Below it a double holds every integer (RFC 7493, 2.2)."""
# A string to its end, however it ends, or a bracket: strings are skipped, so that theirs do not count.
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def respond(body: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Build a JSON response from a shape."""
    return Response(body.model_dump_json(), status, content_type="application/json")


async def read_body(kind: type[Body]) -> Body:
    """Read the body of the current request; a member that `kind` lacks is refused, whatever `kind` says of it.

    Types are those of JSON: `"1"` is no number and `1` no text; dates, UUIDs and the like are read from text.

    Raises:
        UnsupportedBody: 415, it says that it is something else than JSON, or is compressed.
        RequestEntityTooLarge: 413, more than MAX_BODY_BYTES.
        RequestTimeout: 408, it did not come in time.
        MalformedBody: 400, not JSON, or nested deeper than MAX_NESTING.
        InvalidBody: 422, names each part that `kind` does not expect or expects otherwise, and never its value.
    """
    _check_type()
    data = await request.get_data(cache=False, as_text=False, parse_form_data=False)
    value = _parse(data)
    if unfit := unstorable_parts(value):
        raise InvalidBody(parts=unfit)
    try:
        return kind.model_validate_json(json.dumps(value), strict=True, extra="forbid")
    except ValidationError as error:
        raise InvalidBody(parts=wrong_parts(error)) from None


def _check_type() -> None:
    charset = request.mimetype_params.get("charset", "utf-8")
    if request.mimetype != "application/json" or charset.lower() != "utf-8":
        raise UnsupportedBody(f"Content-Type: {request.content_type!r:.80}")
    if (coding := request.headers.get("Content-Encoding", "identity")).lower() != "identity":
        raise UnsupportedBody(f"Content-Encoding: {coding!r:.80}")


def _parse(data: bytes) -> Any:  # noqa: ANN401  # JSON
    try:
        text = data.decode()
        _check_nesting(text)
        return json.loads(
            text, object_pairs_hook=_unique, parse_float=_number, parse_int=_number, parse_constant=_refuse
        )
    except UnicodeDecodeError as error:
        raise _malformed(f"not UTF-8 from byte {error.start} on") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"not JSON at line {error.lineno}, column {error.colno}") from None


def _malformed(wrong: str) -> MalformedBody:
    return MalformedBody(parts=[("body", wrong)])


def _check_nesting(text: str) -> None:
    depth = 0
    for token in _TOKENS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > MAX_NESTING:
            raise _malformed(f"nested more than {MAX_NESTING} deep")


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise _malformed("an object has a member twice")
    return found


def _number(digits: str) -> int | float:
    """Read a number as JSON Schema sees it, where `1.0` is an integer."""
    number = float(digits)
    if not math.isfinite(number):
        raise _malformed("a number is too large")
    if digits.lstrip("-").isdigit():
        return int(digits)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _refuse(word: str) -> NoReturn:
    raise _malformed("NaN and Infinity are no JSON")
