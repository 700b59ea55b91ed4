"""The pages of the callback: fixed text, nothing of the request, no external resources."""

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
            "Dashtam does not expect this response. It may have been used already, or it may have expired. "
            "Close this page and start again in Dashtam."
        ),
    ),
    HTTPStatus.NOT_FOUND: ("Page not found", "Close this page and start again in Dashtam."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("Page not found", "Close this page and start again in Dashtam."),
    HTTPStatus.TOO_MANY_REQUESTS: ("Too many attempts", "Wait a minute, then start again in Dashtam."),
}
_DEFAULT: Final = ("Dashtam is not available", "Nothing was connected. Try again in a minute.")
# Keyed by the code of our own error, never by text from a provider.
_FAILURES: Final = {
    "authorization_denied": (
        "Nothing was connected",
        "The provider reports that you did not agree. To try again, start again in Dashtam.",
    ),
    "scope_missing": (
        "Nothing was connected",
        "You granted fewer permissions than Dashtam needs. Start again, and keep every permission enabled.",
    ),
    "grant_refused": (
        "Nothing was connected",
        "The provider did not accept the code that it sent. Start again in Dashtam.",
    ),
    "client_refused": (
        "Nothing was connected",
        "The provider does not know this installation of Dashtam. Its operator has to correct the settings.",
    ),
    "not_connectable": (
        "Nothing was connected",
        "This installation of Dashtam cannot connect to this provider. Its operator has to correct the settings.",
    ),
    "provider_failure": (
        "Nothing was connected",
        "The provider does not respond as expected. Wait a while, then start again in Dashtam.",
    ),
}
_ALIASES: Final = {
    "provider_not_configured": "not_connectable",
    "provider_not_ready": "provider_failure",
    "answer_unusable": "provider_failure",
}


def render(status: HTTPStatus) -> bytes:
    """Return the page for a status as HTML."""
    return render_page(*_WORDS.get(status, _DEFAULT))


def refusal(status: HTTPStatus) -> tuple[str, bytes]:
    """Return the content type and the body with which the edge refuses a request."""
    return CONTENT_TYPE, render(status)


def respond(status: HTTPStatus) -> Response:
    """Return the page for a status as a response."""
    return Response(render(status), status, content_type=CONTENT_TYPE)


def respond_failed(error: DashtamError) -> Response:
    """Return the page for an authorization that failed; the error's class decides its text and status."""
    words = _FAILURES.get(_ALIASES.get(error.code, error.code))
    if words is None:
        return respond(error.status)
    return Response(render_page(*words), error.status, content_type=CONTENT_TYPE)


def respond_connected(back: str | None) -> Response:
    """Return the page that confirms a connection; `back` is a URL of ours that the page links to."""
    link = f'<p><a href="{escape(back)}">Back to Dashtam</a></p>' if back else ""
    page = render_page(
        "Connected", "Dashtam is connected to your provider. You can close this page.", markup=link
    )
    return Response(page, content_type=CONTENT_TYPE)
