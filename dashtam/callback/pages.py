"""Small answers to a browser: fixed words, nothing of the request in them, nothing loaded from anywhere."""

from http import HTTPStatus
from typing import Final

from quart import Response

CONTENT_TYPE: Final = "text/html; charset=utf-8"
_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dashtam: {title}</title></head>
<body><h1>{title}</h1><p>{text}</p></body>
</html>
"""
_WORDS: Final = {
    HTTPStatus.BAD_REQUEST: (
        "Nothing was connected",
        (
            "Dashtam is not waiting for this answer. It may have been used before, or it took too long. "
            "Close this page and start again in Dashtam."
        ),
    ),
    HTTPStatus.NOT_FOUND: ("Nothing here", "Close this page and start again in Dashtam."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("Nothing here", "Close this page and start again in Dashtam."),
    HTTPStatus.TOO_MANY_REQUESTS: ("Too many attempts", "Wait a minute, then start again in Dashtam."),
}
_OTHERWISE: Final = ("Dashtam cannot answer now", "Nothing was connected. Try again in a minute.")


def render(status: HTTPStatus) -> bytes:
    """Build the page for a status."""
    title, text = _WORDS.get(status, _OTHERWISE)
    return _PAGE.format(title=title, text=text).encode()


def refusal(status: HTTPStatus) -> tuple[str, bytes]:
    """Content type and body with which the edge refuses."""
    return CONTENT_TYPE, render(status)


def respond(status: HTTPStatus) -> Response:
    """Answer with the page for a status."""
    return Response(render(status), status, content_type=CONTENT_TYPE)
