"""The faults that the knobs of the sandbox can inject into its token endpoint."""

from collections.abc import AsyncIterator
from typing import Final

from quart import Response

from dashtam.sandbox.knobs import Fault, Knobs

HUGE_BYTES: Final = 50_000_000
_PART: Final = b" " * 65_536
_HTML: Final = "<!doctype html><title>Access Denied</title><p>Reference 18.abc"


def fail(fault: Fault, knobs: Knobs) -> Response:
    """Return the response of a fault."""
    retry = {"Retry-After": knobs.retry_after} if knobs.retry_after else {}
    match fault:
        case "400":
            return _error(400, knobs.fault_error)
        case "401":
            return _error(401, "invalid_client")
        case "429":
            return Response("", 429, headers=retry)
        case "503":
            return Response("", 503, headers=retry)
        case "html":
            return Response(_HTML, 200, content_type="text/html")
        case "huge":
            return Response(_huge(), 200, content_type="application/json")
        case "bad_json":
            return Response('{"access_token": ', 200, content_type="application/json")
        case "redirect":
            return Response("", 307, headers={"Location": "/sandbox/token?again=1"})
        case _:
            return hang_up()


def hang_up() -> Response:
    """Return a response that breaks off after its first byte."""
    return Response(_broken(), 200, content_type="application/json")


def _error(status: int, code: str) -> Response:
    return Response(f'{{"error": "{code}"}}', status, content_type="application/json")


async def _huge() -> AsyncIterator[bytes]:
    for _ in range(HUGE_BYTES // len(_PART)):
        yield _PART


async def _broken() -> AsyncIterator[bytes]:
    yield b"{"
    raise ConnectionResetError("a knob of the sandbox breaks off this response")
