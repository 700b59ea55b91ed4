"""Idempotency-Key: a client that heard no answer may ask again (draft-ietf-httpapi-idempotency-key-header-07)."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from quart import Response, request

from dashtam.errors import InvalidRequest
from dashtam.web.current import current_resources
from dashtam.web.stored_responses import IdempotencyKey, KeptResponse, respond_once
from dashtam.web.traits import Header, Trait, promise

Endpoint = Callable[..., Awaitable[Response]]

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
# The draft writes a string of structured fields (RFC 9651, 3.3.3), in quotes; many clients send it bare.
_KEY: Final = re.compile(r'"([ !#-\[\]-~]{1,255})"|([!#-+\--:<-\[\]-~]{1,255})')
# A cookie is given to one browser, once.
_KEPT: Final = ("Content-Type", "Location", "ETag", "Link")

IDEMPOTENT: Final = Trait(
    reads=(
        Header(
            HEADER,
            "Names this attempt, as a UUID does: within 24 hours the same key and request are answered as the first "
            "time, and nothing is created twice.",
            {"type": "string", "pattern": f"^({_KEY.pattern})$"},
        ),
    ),
    sends=(Header(REPLAYED, "`true`: the answer to an earlier request.", {"const": "true"}),),
    fails=(HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
)

WITHOUT_KEY: Final[Mapping[str, str]] = {
    "users.register_user": "nobody has signed in, and a second letter with a new code does no harm",
    "users.verify_user": "nobody has signed in, and a code is used once",
    "users.request_reset": "nobody has signed in, and a second letter with a new code does no harm",
    "users.complete_reset": "nobody has signed in, and a code is used once",
    "users.delete_user": "it creates nothing, and its answers would go with the user",
    "sessions.sign_in": "nobody has signed in, and its answer holds tokens",
    "sessions.refresh_session": "nobody has signed in, its answer holds tokens, and a refresh token is used once",
    "personal_tokens.create_token": "its answer holds a token, of which only a hash is stored; it asks for proof",
    "second_factors.begin_factor": "asked again, it replaces what it made before; it asks for proof",
    "second_factors.confirm_factor": "its answer holds recovery codes, of which only hashes are stored",
    "second_factors.renew_codes": "its answer holds recovery codes, of which only hashes are stored",
    "second_factors.remove_factor": "it creates nothing; it asks for proof",
    "connections.refresh": "it creates nothing, and no token is refreshed twice that is not due twice; a database "
    "transaction around it could undo what the provider did",
    "connections.disconnect": "it creates nothing, and disconnecting twice is disconnecting once",
    "connect.go": "a form of a page, which knows no such header; opened again, the same browser is sent on again",
}
"""Every other POST that takes no key, and why.

Whatever asks for proof spends one-time passwords and much work on passwords. A key would put both into its database
transaction: what is rolled back would give the one-time password back, and the connection be held all the while.
"""


def idempotent(user_id: Callable[[], UUID]) -> Callable[[Endpoint], Endpoint]:
    """Let an endpoint that creates something take an Idempotency-Key; `user_id` tells whose request is at hand.

    With a key, the endpoint runs inside of one database transaction: see web/stored_answers.py. It is for users
    only: the key of nobody in particular would open an answer to whoever guesses it.
    """

    def decorate(endpoint: Endpoint) -> Endpoint:
        @promise(IDEMPOTENT)
        @wraps(endpoint)
        async def answer(*args: object, **values: object) -> Response:
            key = _read_key()
            if key is None:
                return await endpoint(*args, **values)

            async def act() -> KeptResponse:
                return await _kept(await endpoint(*args, **values))

            claim = IdempotencyKey(user_id(), request.endpoint or "", key)
            resources = current_resources()
            told, is_replayed = await respond_once(
                claim,
                fingerprint=await _fingerprint(),
                keys=resources.keys,
                trail=resources.trail,
                act=act,
            )
            return _replay(told, is_replayed=is_replayed)

        return answer

    return decorate


def _read_key() -> str | None:
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    match = _KEY.fullmatch(given[0]) if len(given) == 1 else None
    if match is None:
        raise InvalidRequest(
            parts=[(HEADER, "Expected one key of 1 to 255 visible ASCII characters, as a UUID")]
        )
    return match[1] or match[2]


async def _fingerprint() -> str:
    body = await request.get_data(cache=True, as_text=False, parse_form_data=False)
    digest = hashlib.sha256()
    for part in (request.method.encode(), request.full_path.encode(errors="replace"), body):
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()


async def _kept(response: Response) -> KeptResponse:
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    return KeptResponse(response.status_code, headers, await response.get_data(as_text=True))


def _replay(answer: KeptResponse, *, is_replayed: bool) -> Response:
    headers: dict[str, Any] = {**answer.headers, **({REPLAYED: "true"} if is_replayed else {})}
    return Response(answer.body, answer.status, headers)
