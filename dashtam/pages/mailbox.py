"""GET /mailbox: the mail that development did not send. There is no such route anywhere else."""

import re
from html import escape
from typing import Final

from quart import Blueprint, Response
from quart_schema import hide

from dashtam.mail.mailbox import KeptEmail, Mailbox
from dashtam.web.audits import not_audited
from dashtam.web.current import current_resources

_LINK: Final = re.compile(r"https?://[^\s<>\"']+")
_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dashtam: mailbox</title></head>
<body><h1>Mailbox</h1><p>What development would have sent; the newest first.</p>
{letters}</body>
</html>
"""
_LETTER: Final = "<details><summary>{at} to {to}: {subject}</summary><pre>{text}</pre></details>\n"

blueprint = Blueprint("mailbox", __name__)


@blueprint.get("/mailbox")
@not_audited("shows a developer what development would have sent")
@hide
async def page() -> Response:
    """Show the mailbox of the environment; nothing of it is markup but links."""
    mailer = current_resources().mailer
    letters = await mailer.list_emails() if isinstance(mailer, Mailbox) else []
    text = "".join(map(_rendered, letters)) or "<p>No mail.</p>\n"
    return Response(_PAGE.replace("{letters}", text), content_type="text/html; charset=utf-8")


def _rendered(letter: KeptEmail) -> str:
    at = f"{letter.sent_at:%Y-%m-%d %H:%M:%S}"
    return _LETTER.format(
        at=at, to=escape(letter.to), subject=escape(letter.subject), text=_with_links(letter.text)
    )


def _with_links(text: str) -> str:
    parts, end = [], 0
    for match in _LINK.finditer(text):
        link = escape(match.group())
        parts += [escape(text[end : match.start()]), f'<a href="{link}">{link}</a>']
        end = match.end()
    return "".join([*parts, escape(text[end:])])
