"""Reads the query string of a request into a typed shape, and puts that shape into the OpenAPI document."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from quart import request
from quart_schema.validation import QuerystringValidationError

from dashtam.errors import InvalidRequest
from dashtam.web.invalid_parts import unstorable_parts

Query = TypeVar("Query", bound=BaseModel)


def read_query(kind: type[Query]) -> Query:
    """Read the parameters of the current request; one that stands twice is refused, as is one that `kind` lacks.

    quart-schema's own decorator builds its validator anew at each request, which costs a tenth of a small answer.

    Raises:
        InvalidRequest: answered with 400, a value holds what no database stores.
        QuerystringValidationError: answered with 400 and the name of each part that was not understood.
    """
    given = {name: values[0] if len(values) == 1 else values for name, values in request.args.lists()}
    if unfit := unstorable_parts(given):
        raise InvalidRequest(parts=unfit)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise QuerystringValidationError(error) from None
