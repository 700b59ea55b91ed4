"""The pages of the sandbox: no script, no style, no external resources, and one form."""

from html import escape
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from quart import Response

_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox bank: {title}</title></head>
<body><h1>{title}</h1>{body}</body>
</html>
"""
_CONSENT: Final = """<p><strong>{client}</strong> requests read access at your bank: {scope}.</p>
<p>This bank is invented. It exists only where Dashtam is developed, and it holds no real money.</p>
<form method="post" action="/sandbox/authorize">
<input type="hidden" name="ticket" value="{ticket}">
<button type="submit" name="answer" value="allow">Allow</button>
<button type="submit" name="answer" value="deny">Deny</button>
</form>"""
_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action {targets}; frame-ancestors 'none'"


def consent(*, client: str, scope: str, ticket: str, redirect_uri: str) -> Response:
    """Return the consent page."""
    body = _CONSENT.format(
        client=escape(client), scope=escape(scope.replace(" ", ", ")), ticket=escape(ticket)
    )
    parts = urlsplit(redirect_uri)
    # Browsers apply form-action also to the redirect that follows (Content Security Policy 3, 6.4.1).
    return _respond("Share your accounts?", body, f"'self' {parts.scheme}://{parts.netloc}", HTTPStatus.OK)


def refusal(reason: str) -> Response:
    """Return a page that says why a request is refused, without a redirect (RFC 6749, 4.1.2.1)."""
    return _respond("This request was refused", f"<p>{escape(reason)}</p>", "'none'", HTTPStatus.BAD_REQUEST)


def _respond(title: str, body: str, targets: str, status: HTTPStatus) -> Response:
    response = Response(
        _PAGE.format(title=escape(title), body=body), status, content_type="text/html; charset=utf-8"
    )
    response.headers["Content-Security-Policy"] = _POLICY.format(targets=targets)
    return response
