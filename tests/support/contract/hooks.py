"""What schemathesis cannot know from the document: whose request it sends, from where, and with which password.

An Idempotency-Key is never used for two requests.
"""

import itertools
import re
from ipaddress import IPv4Address
from typing import Any, Final

import schemathesis

from tests.support.contract.caller import read_caller

_KEY: Final = "Idempotency-Key"
_WRITING: Final = {"users.register_user", "users.request_reset"}
"""What sends a letter: an address gets few of them."""
_PROVING: Final = _WRITING | {
    "personal_tokens.create_token",
    "second_factors.begin_factor",
    "sessions.sign_in",
}
"""What succeeds with the right address and password alone, and leaves the caller able to sign in."""
_FAILED: Final = 400
_FIRST_ADDRESS: Final = int(IPv4Address("198.18.0.1"))  # of benchmarks (RFC 2544)

_numbers = itertools.count(1)
_caller = read_caller()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ANN401  # schemathesis types it so
    """Give a case what it needs to get beyond the first question."""
    headers = case.headers = {} if case.headers is None else case.headers
    number = next(_numbers)
    key = headers.get(_KEY)
    # A fresh key in the place of a drawn one that is valid; wrong ones are sent as they are.
    if isinstance(key, str) and re.fullmatch('[!#-+--:<-~]{1,255}|"[ !#-~]{1,255}"', key):
        headers[_KEY] = f"contract-{number}"
    if "Authorization" in headers:
        case.cookies = {}  # two credentials at once are refused
    if _caller is None:
        return
    headers["X-Forwarded-For"] = _address(number)
    operation = case.operation.definition.raw.get("operationId")
    if operation in _PROVING and number % 2 and _is_meant_well(case):
        email = f"contract-{number}@example.com" if operation in _WRITING else _caller.email
        ours = {"email": email, "password": _caller.password}
        case.body = {**case.body, **{name: value for name, value in ours.items() if name in case.body}}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:  # noqa: ANN401  # schemathesis types it so
    """Sign in again where a session has ended that may be ours."""
    global _caller  # hooks are functions of a module
    if _caller and case.method == "DELETE" and "/sessions/" in case.path and response.status_code < _FAILED:
        _caller = _caller.signed_in(ip=_address(next(_numbers)))


class _SignedIn:
    """Sends the token of the caller's present session."""

    def get(self, case: Any, context: Any) -> str:  # noqa: ANN401  # schemathesis types it so
        return _caller.token if _caller else ""

    def set(self, case: Any, data: str, context: Any) -> None:  # noqa: ANN401  # schemathesis types it so
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


if _caller is not None:
    schemathesis.auth(refresh_interval=None)(_SignedIn)


def _address(number: int) -> str:
    """An address of its own: attempts are counted by it."""
    return str(IPv4Address(_FIRST_ADDRESS + number))


def _is_meant_well(case: Any) -> bool:  # noqa: ANN401  # schemathesis types it so
    return isinstance(case.body, dict) and not (case.meta and case.meta.generation.mode.is_negative)
