"""Small pages for a browser: words of ours, whatever came from elsewhere escaped, and nothing loaded from anywhere."""

from html import escape
from typing import Final

CONTENT_TYPE: Final = "text/html; charset=utf-8"
_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dashtam: {title}</title></head>
<body><h1>{title}</h1>{body}</body>
</html>
"""


def render_page(title: str, *paragraphs: str, markup: str = "") -> bytes:
    """Build a page of a title and paragraphs, which are text, and of what follows them, which is markup of ours."""
    body = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return _PAGE.format(title=escape(title), body=body + markup).encode()
