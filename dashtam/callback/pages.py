"""Small answers to a browser: fixed words, nothing of the request in them, nothing loaded from anywhere."""

from html import escape
from http import HTTPStatus
from typing import Final

from quart import Response

from dashtam.errors import DashtamError
from dashtam.web.html import CONTENT_TYPE, render_page

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
# By the code of our own error, never by what a provider wrote.
_FAILURES: Final = {
    "authorization_denied": (
        "Nothing was connected",
        "The provider says that you did not agree. Start again in Dashtam if you would like to.",
    ),
    "scope_missing": (
        "Nothing was connected",
        "You agreed to less than Dashtam needs. Start again, and leave every permission switched on.",
    ),
    "grant_refused": (
        "Nothing was connected",
        "The provider did not take its own answer any more. Start again in Dashtam.",
    ),
    "client_refused": (
        "Nothing was connected",
        "The provider does not know this installation of Dashtam. Whoever runs it has to mend its settings.",
    ),
    "not_connectable": (
        "Nothing was connected",
        "This installation of Dashtam cannot connect to this provider. Whoever runs it has to mend its settings.",
    ),
    "provider_failure": (
        "Nothing was connected",
        "The provider does not answer as it should. Start again in Dashtam in a while.",
    ),
}
_ALIASES: Final = {
    "provider_not_configured": "not_connectable",
    "provider_not_ready": "provider_failure",
    "answer_unusable": "provider_failure",
}


def render(status: HTTPStatus) -> bytes:
    """Build the page for a status."""
    return render_page(*_WORDS.get(status, _OTHERWISE))


def refusal(status: HTTPStatus) -> tuple[str, bytes]:
    """Content type and body with which the edge refuses."""
    return CONTENT_TYPE, render(status)


def respond(status: HTTPStatus) -> Response:
    """Answer with the page for a status."""
    return Response(render(status), status, content_type=CONTENT_TYPE)


def respond_failed(error: DashtamError) -> Response:
    """Answer for an authorization that came to nothing."""
    words = _FAILURES.get(_ALIASES.get(error.code, error.code))
    if words is None:
        return respond(error.status)
    return Response(render_page(*words), error.status, content_type=CONTENT_TYPE)


def respond_connected(back: str | None) -> Response:
    """Answer that all is well; `back` is a URL of ours that the page leads to."""
    link = f'<p><a href="{escape(back)}">Back to Dashtam</a></p>' if back else ""
    page = render_page(
        "Connected", "Dashtam is connected to your provider. You can close this page.", markup=link
    )
    return Response(page, content_type=CONTENT_TYPE)
